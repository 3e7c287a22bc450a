#!/bin/sh
# SPDX-License-Identifier: MIT
# TLS with openssl s_client as client and s_server as server: versions, client certificates, PSK, resumed sessions.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program openssl node
certs=$scratch/certs
mkdir "$certs"
"$SOURCE_DIR/tests/live/lib/certificates.sh" "$certs" || { fail "openssl cannot make certificates"; finish; }

connect="10 0d 0004 4d515454 04 02 003c 0001 63"
disconnect="e0 00"
connack="20 02 00 00"

# --- s_client at our listener: CONNECT and DISCONNECT go in, CONNACK comes out ---------------------------------------

client() { # OPTIONS...
    check
    # shellcheck disable=SC2086 # bytes are words
    bytes $connect $disconnect | timeout 20 openssl s_client -ign_eof -connect "${address#*://}" -servername localhost \
        -alpn mqtt "$@" >"$out" 2>"$err" || fail "s_client $*: $?"
    check
    od -An -tx1 "$out" | tr -d ' \n' | grep -q 20020000 || fail "no CONNACK: s_client $*"
}

start plain "$MQW" listen --answer --cert "$certs/server.pem" --key "$certs/key.pem" mqtts://127.0.0.1:0
for version in tls1_2 tls1_3; do
    client -$version -CAfile "$certs/ca.pem" -verify_return_error -verify_hostname localhost -sess_out "$scratch/session"
    says "Verification: OK"
    says "ALPN protocol: mqtt"
    client -$version -CAfile "$certs/ca.pem" -sess_in "$scratch/session"
    says "Reused, "
done
stop "$child"

start demanding "$MQW" listen --answer --cert "$certs/server.pem" --key "$certs/key.pem" --cafile "$certs/ca.pem" \
    --client-certs required mqtts://127.0.0.1:0
for version in tls1_2 tls1_3; do
    client -$version -cert "$certs/client.pem" -key "$certs/key.pem"
    bytes "$connect" | timeout 20 openssl s_client -ign_eof -connect "${address#*://}" -$version >"$out" 2>&1
    check
    grep -qE "alert (certificate required|handshake failure)" "$out" || fail "nothing is said of a missing certificate"
done
await_text "$scratch/demanding.log" "client gave no certificate, but one is demanded here"
stop "$child"

start shared "$MQW" listen --answer --psk 0011223344556677 --psk-identity me mqtts://127.0.0.1:0
for version in tls1_2 tls1_3; do
    client -$version -psk_identity me -psk 0011223344556677
    bytes "$connect" | timeout 20 openssl s_client -ign_eof -connect "${address#*://}" -$version -psk_identity you \
        -psk 0011223344556677 >"$out" 2>&1 && fail "an unknown identity was taken"
done
await_text "$scratch/shared.log" "PSK identity \"you\" of the client is not known here"
stop "$child"

# --- we at s_server, which says CONNACK to whoever comes ---------------------------------------------------------------

bytes "$connack" >"$scratch/connack"
mkfifo "$scratch/said"
exec 4<>"$scratch/said"

serve() { # OPTIONS...: sets $address and $child
    port=$(free_port)
    address=mqtts://localhost:$port
    openssl s_server -quiet -accept "127.0.0.1:$port" "$@" <"$scratch/said" >"$scratch/server.heard" 2>"$scratch/server.err" &
    child=$!
    children="$children $child"
    await_listener "$port" || { fail "s_server does not start: $(cat "$scratch/server.err")"; finish; }
}

# Says CONNACK once s_server has heard more than SIZE bytes.
answer() { # SIZE
    node -e 'const fs = require("fs"), [file, size] = process.argv.slice(1);
        const look = () => fs.statSync(file).size > Number(size) && process.exit(0);
        fs.watch(file, look);
        look();
        setTimeout(() => process.exit(1), 10000)' "$scratch/server.heard" "$1" && cat "$scratch/connack" >&4
}

greeted() { # OPTIONS...: CONNECT goes out, CONNACK comes in
    answer "$(wc -c <"$scratch/server.heard")" &
    answering=$!
    cat >"$scratch/transcript" <<'SCRIPT'
C> CONNECT version=4 client_id="c" clean_start
S> CONNACK reason=0
C> DISCONNECT
SCRIPT
    run 0 "$MQW" open --expect --script "$scratch/transcript" "$@" "$address"
    wait "$answering" || fail "s_server has heard nothing"
}

for version in tls1_2 tls1_3; do
    serve -cert "$certs/server.pem" -key "$certs/key.pem" -$version
    greeted --cafile "$certs/ca.pem"
    greeted --capath "$certs/directory"
    stop "$child"
    serve -cert "$certs/server.pem" -key "$certs/key.pem" -CAfile "$certs/ca.pem" -Verify 2 -verify_return_error -$version
    greeted --cafile "$certs/ca.pem" --cert "$certs/client.pem" --key "$certs/key.pem"
    stop "$child"
    serve -nocert -psk_identity me -psk 0011223344556677 -$version
    greeted --psk-identity me --psk 0011223344556677
    stop "$child"
done

# What is wrong is said in words.
serve -cert "$certs/expired.pem" -key "$certs/key.pem"
run 3 "$MQW" open --script /dev/null --cafile "$certs/ca.pem" "$address"
cat "$out" "$err" >"$scratch/both"
check
grep -q "certificate of localhost has expired on 20" "$scratch/both" || fail "an expired certificate: $(cat "$scratch/both")"
stop "$child"
finish
