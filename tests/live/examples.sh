#!/bin/sh
# SPDX-License-Identifier: MIT
# Every example does what it says, with mqw at the other end or another example.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
[ -x "$EXAMPLES_DIR/raw_client" ] || { echo "no examples in $EXAMPLES_DIR"; exit 1; }

# short enough to be read
for file in "${SOURCE_DIR:-.}"/examples/*.c; do
    check
    [ "$(wc -l <"$file")" -lt 60 ] || fail "${file##*/} has 60 lines or more"
done

start server "$MQW" listen --answer --echo --hex tcp://127.0.0.1:0
server=$address

# --- clients --------------------------------------------------------------------------------------------

run 0 "$EXAMPLES_DIR/raw_client" "$server"
says 'CONNACK reason=0x00 (success)'
says 'SUBACK packet_id=1 reasons=0x01 (granted QoS 1)'
says 'PUBLISH topic="news/today" payload="it rains"'
says 'content_type="text/plain"'
run 1 "$EXAMPLES_DIR/raw_client" "unix:$scratch/nobody"
error_says 'stream failed'
run 0 "$EXAMPLES_DIR/client20" "$server"
await_text "$scratch/server.log" 'C> PUBLISH topic="greeting" payload="hello"'
run 1 "$EXAMPLES_DIR/client20" 'no://address'

for client in client sync; do
    run 0 "$EXAMPLES_DIR/$client" "$server"
    says 'news/today: it rains'
    run 1 "$EXAMPLES_DIR/$client" "unix:$scratch/nobody"
    error_says "unix:$scratch/nobody: no such file or directory"
    run 1 "$EXAMPLES_DIR/$client" 'no://address'
    error_says 'address is not understood'
done
run 0 "$EXAMPLES_DIR/request_response" "$server"
says '2 * 21 = 42'
run 1 "$EXAMPLES_DIR/request_response" "unix:$scratch/nobody"

# --- TLS and WebSocket ----------------------------------------------------------------------------------

certificates=$scratch/certificates
mkdir "$certificates"
"${SOURCE_DIR:-.}/tests/live/lib/certificates.sh" "$certificates"
start tls "$MQW" listen --answer --cert "$certificates/server.pem" --key "$certificates/key.pem" mqtts://127.0.0.1:0
run 0 "$EXAMPLES_DIR/tls_client" "mqtts://localhost:${address##*:}" "$certificates/ca.pem"
says 'TLSv1.3, '
says 'CN=server'
run 1 "$EXAMPLES_DIR/tls_client" "mqtts://localhost:${address##*:}" "$certificates/stranger.pem"
error_says 'localhost'
run 1 "$EXAMPLES_DIR/tls_client" "mqtts://localhost:${address##*:}" "$scratch/nothing"
error_says 'nothing'

start websocket "$EXAMPLES_DIR/websocket_server" ws://127.0.0.1:0
websocket=ws://127.0.0.1:${address##*:}
for client in client sync; do
    run 0 "$EXAMPLES_DIR/$client" "$websocket"
done
await_text "$scratch/websocket.log" 'comes from no page to /mqtt'
run 1 "$EXAMPLES_DIR/sync" "$websocket/elsewhere"
error_says '404'
run 1 "$EXAMPLES_DIR/websocket_server" "$websocket"

# --- servers --------------------------------------------------------------------------------------------

start server20 "$EXAMPLES_DIR/server20" tcp://127.0.0.1:0
run 0 "$EXAMPLES_DIR/client20" "$address"
run 0 timeout 20 "$MQW" pub -t a -m b -q 1 "$address" # without an identifier (MQTT-3.2.2-16)
run 0 "$MQW" open -c "$address" <<'LINES'
.wait CONNACK
PUBLISH topic="a" payload="b" qos=2 packet_id=1
.wait PUBREC
PUBREL packet_id=1
LINES
says 'S> PUBCOMP packet_id=1'
run 1 "$EXAMPLES_DIR/server20" "$address"

# broadcast: all who have subscribed hear it, whatever they subscribed to; others do not
start broadcast "$EXAMPLES_DIR/broadcast" tcp://127.0.0.1:0
broadcast=$address
run 0 timeout 20 "$MQW" pub -t a -m b -q 1 "$broadcast"
for id in one two; do
    timeout 30 "$MQW" open -c -i "$id" --wait forever "$broadcast" >"$scratch/$id" 2>&1 <<'LINES' &
.wait CONNACK
SUBSCRIBE packet_id=1 filter="whatever":0 filter="more":1
LINES
    children="$children $!"
    eval "$id=$!"
    await_text "$scratch/$id" 'S> SUBACK packet_id=1 reasons=0x00 (success),0x00'
done
run 0 "$MQW" open -c "$broadcast" <<'LINES'
.wait CONNACK
PUBLISH topic="to all" payload="hear" qos=1 packet_id=3
LINES
says 'S> PUBACK packet_id=3'
silent_of 'S> PUBLISH'
# shellcheck disable=SC2154 # set by eval
for id in one two; do
    await_text "$scratch/$id" 'S> PUBLISH topic="to all" payload="hear"'
done
# who has gone is no longer sent to
# shellcheck disable=SC2154
stop "$one"
run 0 "$MQW" open -c "$broadcast" <<'LINES'
.wait CONNACK
PUBLISH topic="to the rest" qos=1 packet_id=3
LINES
await_text "$scratch/two" 'S> PUBLISH topic="to the rest"'

# --- the broker -----------------------------------------------------------------------------------------

check
[ "$(wc -l <"${SOURCE_DIR:-.}/examples/broker.c")" -lt 40 ] || fail "broker.c has 40 lines or more"
start broker "$EXAMPLES_DIR/broker" tcp://127.0.0.1:0 ws://127.0.0.1:0 "unix:$scratch/broker.sock"
broker=$address
await_text "$scratch/broker.log" 'listening on unix:'
web=ws://127.0.0.1:$(sed -n '2s/.*://p' "$scratch/broker.log")
for way in "$broker" "$web" "unix:$scratch/broker.sock"; do
    for client in client sync; do
        run 0 "$EXAMPLES_DIR/$client" "$way"
        says 'news/today: it rains'
    done
    run 0 "$EXAMPLES_DIR/request_response" "$way"
    says '2 * 21 = 42'
done
run 0 timeout 20 "$MQW" pub -t kept -m 'for later' -q 2 -r "$broker"
run 0 timeout 20 "$MQW" sub -t kept -C 1 "unix:$scratch/broker.sock"
says 'for later'
kill -INT "$child"
wait "$child" || fail "broker ended with $?"
run 1 "$EXAMPLES_DIR/broker" 'no://address'
error_says 'no://address'

start hooks "$EXAMPLES_DIR/broker_with_hooks" tcp://127.0.0.1:0
hooks=$address
run 0 "$MQW" open "$hooks" <<'LINES'
CONNECT client_id="somebody" clean_start
.wait close
LINES
says 'S> CONNACK reason=0x05'
run 0 "$MQW" open "$hooks" <<'LINES'
CONNECT version=5 client_id="anna" username="anna"
.wait CONNACK
PUBLISH topic="forbidden" qos=1 packet_id=1
.wait PUBACK
PUBLISH topic="guests/hello" payload="hi" qos=1 packet_id=2 retain
.wait PUBACK
DISCONNECT
LINES
says 'S> CONNACK reason=0x00'
says 'S> PUBACK packet_id=1 reason=0x87'
run 0 "$MQW" open "$hooks" <<'LINES'
CONNECT version=5 client_id="guest" username="guest"
.wait CONNACK
SUBSCRIBE packet_id=1 filter="#":0
.wait PUBLISH
DISCONNECT
LINES
says 'S> PUBLISH topic="hello" payload="hi" retain'

run 0 timeout 20 "$EXAMPLES_DIR/inprocess"
says 'thermometer measures 12 degrees'
says 'heater on'

# --- in between -----------------------------------------------------------------------------------------

start proxy "$EXAMPLES_DIR/proxy" tcp://127.0.0.1:0 "$server"
proxy=$address
run 0 "$EXAMPLES_DIR/raw_client" "$proxy"
says 'content_type="text/plain"'
cat >"$scratch/transcript" <<'SCRIPT'
# topic aliases and versions pass as they are
C> CONNECT version=5 client_id="through" clean_start
S> CONNACK topic_alias_maximum=16
C> SUBSCRIBE packet_id=1 filter="p":2
S> SUBACK reasons=2
C> PUBLISH topic="p" payload="1" topic_alias=3
S> PUBLISH topic="p" payload="1"
C> PUBLISH topic="" payload="2" topic_alias=3
S> PUBLISH topic="p" payload="2"
C> DISCONNECT
.wait close
SCRIPT
run 0 "$MQW" open --expect --script "$scratch/transcript" "$proxy"
await_text "$scratch/server.log" '# 30 07 00 00 03 23 00 03 32'
# back-pressure: a megabyte through it arrives whole
{
    printf '.wait CONNACK\nSUBSCRIBE packet_id=1 filter="big":0\n.wait SUBACK\n'
    payload=$(head -c 50000 /dev/zero | tr '\0' x)
    for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo "PUBLISH topic=\"big\" payload=\"$payload\""
    done
    printf 'PINGREQ\n.wait PINGRESP\n'
} >"$scratch/flood"
run 0 "$MQW" open -c --script "$scratch/flood" "$proxy"
lines 20 'S> PUBLISH topic="big"'
# the server is gone: so is the client
start gone "$EXAMPLES_DIR/proxy" tcp://127.0.0.1:0 "unix:$scratch/nobody"
printf '.wait close\n' | run 1 "$MQW" open -c "$address"
error_says 'the connection was closed'


# --- without a network, without libuv ---------------------------------------------------------------------

run 0 "$EXAMPLES_DIR/custom_stream"
says '10 0e 00 04 4d 51 54 54 04 02 00 00 00 02 6d 65'
says 'CONNACK reason=0x00 (success)'
says 'PUBLISH topic="a/b" payload="!"'

mkfifo "$scratch/to" "$scratch/from"
"$EXAMPLES_DIR/server_fd" <"$scratch/to" >"$scratch/from" 2>"$scratch/fd.log" &
fd=$!
children="$children $fd"
run 0 "$MQW" open "pipe:$scratch/from,$scratch/to" <<'LINES'
CONNECT client_id="pipes" clean_start
PUBLISH topic="a" payload="b" qos=1 packet_id=1
PINGREQ
DISCONNECT
LINES
says 'S> CONNACK'
says 'S> PUBACK packet_id=1'
says 'S> PINGRESP'
wait "$fd" || fail "server_fd ended with $?"
await_text "$scratch/fd.log" DISCONNECT
# bad input is exit code 1, and a client of 5.0 hears of it (MQTT-4.13.1-1)
bytes 10 0e 0004 4d515454 05 02 0000 00 0001 61 c100 >"$scratch/bad"
run 1 "$EXAMPLES_DIR/server_fd" <"$scratch/bad"
cp "$out" "$scratch/said"
run 0 "$MQW" decode --version 5 --from server "$scratch/said"
says 'CONNACK reason=0x00'
says 'DISCONNECT reason=0x81 (malformed packet)'
finish
