#!/bin/sh
# SPDX-License-Identifier: MIT
# nginx ends TLS in front of our plain listener, and our client goes through it; and nginx speaks TLS to our listener.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program openssl nginx node
module=$(find /usr/lib/nginx/modules /usr/share/nginx/modules -name ngx_stream_module.so 2>/dev/null | head -n 1)
[ -n "$module" ] || without "nginx has no stream module"
certs=$scratch/certs
mkdir "$certs"
"$SOURCE_DIR/tests/live/lib/certificates.sh" "$certs" || { fail "openssl cannot make certificates"; finish; }

start plain "$MQW" listen --answer --echo tcp://127.0.0.1:0
plain=${address##*:}
start secure "$MQW" listen --answer --echo --cert "$certs/server.pem" --key "$certs/key.pem" mqtts://127.0.0.1:0
secure=${address##*:}
ends_tls=$(free_port)
begins_tls=$(free_port)

cat >"$scratch/nginx.conf" <<CONF
load_module $module;
daemon off;
master_process off;
pid $scratch/nginx.pid;
error_log $scratch/nginx.log info;
events {}
stream {
    server {
        listen 127.0.0.1:$ends_tls ssl;
        ssl_certificate $certs/server.pem;
        ssl_certificate_key $certs/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        proxy_pass 127.0.0.1:$plain;
    }
    server {
        listen 127.0.0.1:$begins_tls;
        proxy_pass 127.0.0.1:$secure;
        proxy_ssl on;
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
        proxy_ssl_verify on;
        proxy_ssl_name localhost;
        proxy_ssl_server_name on;
        proxy_ssl_trusted_certificate $certs/ca.pem;
    }
}
CONF
nginx -c "$scratch/nginx.conf" -e "$scratch/nginx.log" >"$scratch/nginx.out" 2>&1 &
children="$children $!"
await_listener "$ends_tls" || { fail "nginx does not start: $(cat "$scratch/nginx.out" "$scratch/nginx.log")"; finish; }
much=$(head -c 100000 /dev/zero | tr '\0' x)

exchange() { # OPTIONS...
    for qos in 0 1 2; do
        holds --unordered "$@" <<SCRIPT
C> CONNECT version=5 client_id="through-$qos" clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="t":$qos
S> SUBACK packet_id=1 reasons=$qos
C> PUBLISH topic="t" payload="$much"
S> PUBLISH topic="t" payload="$much"
C> DISCONNECT
SCRIPT
    done
}

for version in tlsv1.2 tlsv1.3; do
    address=mqtts://localhost:$ends_tls
    exchange --cafile "$certs/ca.pem" --tls-version $version
done
address=tcp://127.0.0.1:$begins_tls
exchange
run 3 "$MQW" open --script /dev/null --cafile "$certs/stranger.pem" "mqtts://localhost:$ends_tls"
cat "$out" "$err" >"$scratch/both"
check
grep -q 'from the unknown CA "Test CA"' "$scratch/both" || fail "an unknown CA: $(cat "$scratch/both")"
finish
