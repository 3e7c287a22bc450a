#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw open and mqw listen through TLS and WebSocket: certificates of both ends, keys with a passphrase, PSK, versions,
# names, paths, origins, headers; each failure in words at both ends.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_program openssl

certificate() { # NAME SUBJECT ISSUER (or nothing: its own)
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
    printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:%s\n' "$2" "${4:-FALSE}" >"$1.ext"
    if [ -n "${3:-}" ]; then
        openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -days 2 -extfile "$1.ext" -out "$1.pem"
    else
        openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 2 -extfile "$1.ext" -out "$1.pem"
    fi
}
cd "$scratch" || exit 1
{
    certificate ca 'test CA' '' TRUE
    certificate server localhost ca
    certificate client 'a client' ca
    certificate stranger 'a stranger'
    echo 'open sesame' >passphrase
    openssl ec -aes256 -in server.key -out locked.key -passout file:passphrase
} >"$out" 2>"$err" || fail 'openssl makes no certificates'

# speaks OPTIONS...: a CONNECT through the server at $address is accepted.
speaks() {
    printf '.wait CONNACK\nDISCONNECT\n.wait close\n' | run 0 "$MQW" open -c "$@"
    says 'S> CONNACK'
}
# refused WORDS OPTIONS...: there is no connection, and that is why.
refused() {
    words=$1
    shift
    printf '.wait CONNACK\n' >"$scratch/lines"
    run "$expected" "$MQW" open -c "$@" <"$scratch/lines"
    cat "$out" >>"$err"
    error_says "$words"
}

# --- certificates ---------------------------------------------------------------------------------------------

start tls "$MQW" listen --answer --cert server.pem --key server.key mqtts://localhost:0
tls=$address tls_pid=$child
case $tls in mqtts://*) ;; *) fail "the address is $tls" ;; esac
port=${tls##*:}
speaks --cafile ca.pem "mqtts://localhost:$port"
says ', TLSv1.3 TLS_'
speaks --cafile ca.pem "localhost:$port" # where the address says nothing, an option of TLS says it
speaks --cafile ca.pem --tls-version tlsv1.2 "mqtts://localhost:$port"
says ', TLSv1.2 '
speaks --no-verify "mqtts://127.0.0.1:$port"
speaks --cafile ca.pem --insecure "mqtts://127.0.0.1:$port"
speaks --cafile ca.pem --server-name localhost "mqtts://127.0.0.1:$port"
mkdir authorities
cp ca.pem authorities/
openssl rehash authorities 2>"$err"
speaks --capath authorities "mqtts://localhost:$port"
speaks --cafile ca.pem --tls-keylog keys --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 --tls-version tlsv1.2 "mqtts://localhost:$port"
says 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
check
grep -q CLIENT_RANDOM keys || fail 'no secrets in the key log'
expected=3
refused 'certificate' "mqtts://localhost:$port"
refused '127.0.0.1' --cafile ca.pem "mqtts://127.0.0.1:$port"
refused 'certificate' --cafile stranger.pem "mqtts://localhost:$port"
expected=4
refused 'use mqtts://' "mqtt://localhost:$port"
# none of that has harmed the server
speaks --cafile ca.pem "mqtts://localhost:$port"
stop "$tls_pid"
await_text "$scratch/tls.log" 'speaks MQTT without TLS'
[ "$code" -eq 0 ] || fail "SIGTERM ended the server with $code"

# --- a locked key; certificates of clients ------------------------------------------------------------------------

start mutual "$MQW" listen --answer --cert server.pem --key locked.key --key-password-file passphrase \
    --client-certs required --cafile ca.pem mqtts://localhost:0
port=${address##*:}
speaks --cafile ca.pem --cert client.pem --key client.key "mqtts://localhost:$port"
expected=4
refused 'demands a client certificate' --cafile ca.pem "mqtts://localhost:$port"
refused 'does not know the CA' --cafile ca.pem --cert stranger.pem --key stranger.key "mqtts://localhost:$port"
await_text "$scratch/mutual.log" 'certificate'
speaks --cafile ca.pem --cert client.pem --key client.key "mqtts://localhost:$port"
echo wrong >wrong
run 2 "$MQW" listen --cert server.pem --key locked.key --key-password-file wrong mqtts://localhost:0
run 2 "$MQW" listen --cert server.pem --key client.key mqtts://localhost:0
error_says client.key

# --- a key that both know -------------------------------------------------------------------------------------------

start psk "$MQW" listen --answer --psk c0ffee0123456789 --psk-identity kettle mqtts://localhost:0
port=${address##*:}
speaks --psk c0ffee0123456789 --psk-identity kettle "mqtts://localhost:$port"
speaks --psk c0ffee0123456789 --psk-identity kettle --tls-version tlsv1.2 "mqtts://localhost:$port"
for wrong in '--psk c0ffee0123456780 --psk-identity kettle' '--psk c0ffee0123456789 --psk-identity pot'; do
    check
    # shellcheck disable=SC2086 # options
    printf '.wait CONNACK\n' | timeout 20 "$MQW" open -c $wrong "mqtts://localhost:$port" >"$out" 2>"$err" &&
        fail "taken: $wrong"
done
speaks --psk c0ffee0123456789 --psk-identity kettle "mqtts://localhost:$port"

# --- WebSocket --------------------------------------------------------------------------------------------------------

start web "$MQW" listen --answer --ws-path /broker --ws-origin https://example.org ws://127.0.0.1:0
port=${address##*:}
speaks "ws://127.0.0.1:$port/broker"
says ', WebSocket mqtt /broker'
speaks --ws-path /broker "ws://127.0.0.1:$port"
speaks --ws-origin https://example.org --ws-header 'X-One: 1' --ws-header 'X-Two: 2' "ws://127.0.0.1:$port/broker"
expected=3
refused 404 "ws://127.0.0.1:$port/elsewhere"
refused 403 --ws-origin https://example.com "ws://127.0.0.1:$port/broker"
speaks "ws://127.0.0.1:$port/broker"
start both "$MQW" listen --answer --cert server.pem --key server.key wss://localhost:0
case $address in wss://*) ;; *) fail "the address is $address" ;; esac
speaks --cafile ca.pem "wss://localhost:${address##*:}"
says ', TLSv1.3'
says ', WebSocket mqtt'
# a WebSocket on a Unix socket
start socket "$MQW" listen --answer --ws "unix:$scratch/web.socket"
speaks --ws "unix:$scratch/web.socket"
says ', WebSocket mqtt'
finish
