#!/bin/sh
# SPDX-License-Identifier: MIT
# As a client of mosquitto's WebSocket listeners, without and with TLS; and what we say when the port is another one.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program mosquitto node openssl
certificate

for attempt in 1 2 3 4 5; do
    plain=$(free_port) web=$(free_port) secure=$(free_port)
    cat >"$scratch/mosquitto.conf" <<CONF
allow_anonymous true
persistence false
user root
listener $plain 127.0.0.1
listener $web 127.0.0.1
protocol websockets
listener $secure 127.0.0.1
protocol websockets
certfile $scratch/cert.pem
keyfile $scratch/key.pem
CONF
    mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/broker.log" 2>&1 &
    broker=$!
    children="$children $broker"
    if await_listener "$plain" && await_listener "$web" && await_listener "$secure" && kill -0 $broker; then
        break
    fi
    wait $broker
    [ "$attempt" -lt 5 ] || { fail "mosquitto does not start"; sed 's/^/    mosquitto: /' "$scratch/broker.log"; finish; }
done

# What a client needs to trust the server at an address.
trusted_at() { # ADDRESS
    case $1 in
    wss:*) echo "--cafile $scratch/cert.pem" ;;
    esac
}

for address in "ws://127.0.0.1:$web" "ws://localhost:$web/any/path" "wss://127.0.0.1:$secure/mqtt"; do
    for version in 3 4 5; do
        # shellcheck disable=SC2046 # options, or none
        holds --unordered $(trusted_at "$address") <<SCRIPT
C> CONNECT version=$version client_id="web-$version" keep_alive=60 clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="web/#":2
S> SUBACK packet_id=1 reasons=2
C> PUBLISH topic="web/0" payload="nought"
S> PUBLISH topic="web/0" payload="nought" !qos
C> PUBLISH topic="web/1" payload=0x00ff qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="web/1" payload=0x00ff qos=1 packet_id=\$one
C> PUBACK packet_id=\$one
C> PUBLISH topic="web/2" payload="two" qos=2 packet_id=3
S> PUBREC packet_id=3
C> PUBREL packet_id=3
S> PUBCOMP packet_id=3
S> PUBLISH topic="web/2" payload="two" qos=2 packet_id=\$two
C> PUBREC packet_id=\$two
S> PUBREL packet_id=\$two
C> PUBCOMP packet_id=\$two
C> PINGREQ
S> PINGRESP
C> DISCONNECT
.wait close
SCRIPT
    done
done

# A large message takes several frames.
head -c 70000 /dev/zero | tr '\0' 'x' >"$scratch/large"
check
"$MQW" sub "ws://127.0.0.1:$web" -t large -C 1 -i reader -q 1 >"$scratch/got" 2>"$err" &
reader=$!
children="$children $reader"
await_text "$scratch/broker.log" "Sending SUBACK to reader"
run 0 "$MQW" pub "wss://127.0.0.1:$secure" --cafile "$scratch/cert.pem" -t large -q 1 -f "$scratch/large"
wait $reader || fail "mqw sub ends with $?"
echo >>"$scratch/large"
cmp -s "$scratch/large" "$scratch/got" || fail "the large message has changed"

# --- the wrong port -------------------------------------------------------------------------------------------------

echo | run 3 "$MQW" open "ws://127.0.0.1:$plain"
error_says "perhaps its port is for plain MQTT"
stop "$broker"
finish
