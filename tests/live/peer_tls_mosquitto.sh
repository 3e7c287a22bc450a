#!/bin/sh
# SPDX-License-Identifier: MIT
# TLS with mosquitto: as a client of its TLS and PSK listeners, and as a server for mosquitto_pub and mosquitto_sub.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program openssl mosquitto mosquitto_pub mosquitto_sub node
certs=$scratch/certs
mkdir "$certs"
"$SOURCE_DIR/tests/live/lib/certificates.sh" "$certs" || { fail "openssl cannot make certificates"; finish; }

# --- its broker ------------------------------------------------------------------------------------------------------

echo "me:0011223344556677" >"$scratch/psk"
port=$(free_port)
demanding=$(free_port)
shared=$(free_port)
cat >"$scratch/mosquitto.conf" <<CONF
allow_anonymous true
persistence false
user root
listener $port 127.0.0.1
certfile $certs/server.pem
keyfile $certs/key.pem
listener $demanding 127.0.0.1
certfile $certs/server.pem
keyfile $certs/key.pem
cafile $certs/ca.pem
require_certificate true
listener $shared 127.0.0.1
psk_file $scratch/psk
psk_hint hint
CONF
mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/broker.log" 2>&1 &
children="$children $!"
await_listener "$shared" || { fail "mosquitto does not start: $(cat "$scratch/broker.log")"; finish; }

exchange() { # OPTIONS...
    for version in 3 4 5; do
        holds --unordered "$@" <<SCRIPT
C> CONNECT version=$version client_id="tls-$version" clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="t":2
S> SUBACK packet_id=1 reasons=2
C> PUBLISH topic="t" payload="x" qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="t" payload="x" qos=1 packet_id=\$id
C> PUBACK packet_id=\$id
C> DISCONNECT
.wait close
SCRIPT
    done
}

for tls in tlsv1.2 tlsv1.3; do
    address=mqtts://localhost:$port
    exchange --cafile "$certs/ca.pem" --tls-version $tls
    address=mqtts://127.0.0.1:$demanding
    exchange --cafile "$certs/ca.pem" --cert "$certs/client.pem" --key "$certs/key.pem" --tls-version $tls
    # TLS 1.3 says so only when the connection is there, at some moment.
    "$MQW" open --script /dev/stdin --cafile "$certs/ca.pem" \
        --tls-version $tls "$address" >"$scratch/both" 2>&1 <<'SCRIPT'
CONNECT version=4 client_id="c" clean_start
SCRIPT
    check
    grep -q "server demands a client certificate" "$scratch/both" || fail "no certificate: $(cat "$scratch/both")"
done
address=mqtts://localhost:$shared
exchange --psk-identity me --psk 0011223344556677

# --- its clients -------------------------------------------------------------------------------------------------------

start server "$MQW" listen --answer --echo --cert "$certs/server.pem" --key "$certs/key.pem" mqtts://127.0.0.1:0
for version in mqttv31 mqttv311 mqttv5; do
    for tls in tlsv1.2 tlsv1.3; do
        set -- -h localhost -p "${address##*:}" --cafile "$certs/ca.pem" --tls-version $tls -V $version
        mosquitto_sub "$@" -t "m/$version/$tls" -q 2 -C 1 -W 20 >"$scratch/heard" 2>&1 &
        subscriber=$!
        children="$children $subscriber"
        await_text "$scratch/server.log" "filter=\"m/$version/$tls\""
        run 0 mosquitto_pub "$@" -t "m/$version/$tls" -q 2 -m "through TLS"
        check
        wait "$subscriber" || fail "mosquitto_sub ends with $?: $(cat "$scratch/heard")"
        [ "$(cat "$scratch/heard")" = "through TLS" ] || fail "heard: $(cat "$scratch/heard")"
    done
done
stop "$child"

start keyed "$MQW" listen --answer --psk 0011223344556677 --psk-identity me mqtts://127.0.0.1:0
run 0 mosquitto_pub -h localhost -p "${address##*:}" --psk 0011223344556677 --psk-identity me -t t -q 1 -m x
stop "$child"
finish
