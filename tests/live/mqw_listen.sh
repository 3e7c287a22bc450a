#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw listen: answers in each version, echo to several peers, lines to one of them, scripts, limits, addresses.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

start server "$MQW" listen --answer --echo tcp://127.0.0.1:0
server=$address server_pid=$child
case $server in
tcp://127.0.0.1:[1-9]*) ;;
*) fail "the address $server has no port" ;;
esac

# holds OPTIONS...: the transcript of standard input holds with the server.
holds() {
    cat >"$scratch/transcript"
    run 0 "$MQW" open --expect --script "$scratch/transcript" "$@" "$server"
}

# --- ordinary answers ---------------------------------------------------------------------------------

for version in 3 4 5; do
    if [ "$version" = 5 ]; then unsuback=reasons=0x00,0x11; else unsuback=; fi
    holds <<SCRIPT
C> CONNECT version=$version client_id="v$version" clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="none":0 filter="a/+":1 filter="b/#":2
S> SUBACK packet_id=1 reasons=0,1,2
C> PINGREQ
S> PINGRESP
C> PUBLISH topic="x" qos=1 packet_id=2
S> PUBACK packet_id=2
C> PUBLISH topic="x" qos=2 packet_id=3
S> PUBREC packet_id=3
C> PUBREL packet_id=3
S> PUBCOMP packet_id=3
C> UNSUBSCRIBE packet_id=4 filter="none" filter="other"
S> UNSUBACK packet_id=4 $unsuback
C> DISCONNECT
.wait close
SCRIPT
done

# an empty client identifier: assigned in 5.0, taken with a clean session in 3.1.1 (MQTT-3.1.3-7), refused without (MQTT-3.1.3-8)
holds <<'SCRIPT'
C> CONNECT version=5 client_id=""
S> CONNACK reason=0 assigned_client_id=*
SCRIPT
holds <<'SCRIPT'
C> CONNECT version=4 client_id="" clean_start
S> CONNACK reason=0
SCRIPT
holds --policy original <<'SCRIPT'
.hex 10 0c 0004 4d515454 04 00 0000 0000
S> CONNACK reason=2
.wait close
SCRIPT
# a level that nobody knows: 1 in the form of 3.x (MQTT-3.1.2-2)
holds --policy original <<'SCRIPT'
.hex 10 0d 0004 4d515454 09 02 0000 0001 78
S> CONNACK reason=1
.wait close
SCRIPT
# an authentication method that it does not have
holds <<'SCRIPT'
C> CONNECT version=5 client_id="a" auth_method="SCRAM-SHA-1" auth_data=0x00
S> CONNACK reason=BAD_AUTH_METHOD
.wait close
SCRIPT
# a second CONNECT is a protocol error (MQTT-3.1.0-2)
holds <<'SCRIPT'
C> CONNECT version=5 client_id="a"
S> CONNACK reason=0
.hex 10 0e 0004 4d515454 05 02 0000 00 0001 61
S> DISCONNECT reason=0x82
.wait close
SCRIPT

# --- echo ---------------------------------------------------------------------------------------------

# the smaller QoS of both; wildcards; one copy however many filters match, with the identifiers of all (section 3.3.4)
holds <<'SCRIPT'
C> CONNECT version=5 client_id="e" clean_start
S> CONNACK
C> SUBSCRIBE packet_id=1 filter="e/+":1 subscription_id=5
S> SUBACK packet_id=1
C> SUBSCRIBE packet_id=2 filter="e/#":0 subscription_id=268435455
S> SUBACK packet_id=2
C> PUBLISH topic="e/1" payload="x" qos=2 packet_id=9 content_type="t" message_expiry=60 user="a":"1" user="a":"2"
S> PUBLISH topic="e/1" payload="x" qos=1 packet_id=$x content_type="t" message_expiry=60 user="a":"1" user="a":"2" subscription_id=5 subscription_id=268435455
S> PUBREC packet_id=9
C> PUBREL packet_id=9
S> PUBCOMP packet_id=9
# no local (MQTT-3.8.3-3): nothing comes back
C> UNSUBSCRIBE packet_id=3 filter="e/#" filter="e/+"
S> UNSUBACK packet_id=3
C> SUBSCRIBE packet_id=4 filter="own":1:no_local
S> SUBACK packet_id=4
C> PUBLISH topic="own" payload="x"
# retain is kept only where it was asked for (MQTT-3.3.1-12, MQTT-3.3.1-13)
C> SUBSCRIBE packet_id=5 filter="r/1":0 filter="r/2":0:retain_as_published
S> SUBACK packet_id=5
C> PUBLISH topic="r/1" retain
S> PUBLISH topic="r/1" !retain !dup
C> PUBLISH topic="r/2" retain
S> PUBLISH topic="r/2" retain
# a shared subscription counts as a plain one
C> SUBSCRIBE packet_id=6 filter="$share/group/s":0
S> SUBACK packet_id=6
C> PUBLISH topic="s"
S> PUBLISH topic="s" qos=0
SCRIPT

# a 5.0 message to a 3.1.1 subscriber: without what that cannot say
mkfifo "$scratch/said"
timeout 30 "$MQW" open -c -i old --wait forever "$server" >"$scratch/said" 2>&1 <<'LINES' &
.wait CONNACK
SUBSCRIBE packet_id=1 filter="mixed":2
LINES
old=$!
children="$children $old"
cat "$scratch/said" >"$scratch/old" &
await_text "$scratch/old" 'S> SUBACK'
printf '.wait CONNACK\nPUBLISH topic="mixed" payload="new" qos=1 packet_id=1 user="k":"v"\n' | run 0 "$MQW" open -c -V 5 "$server"
await_text "$scratch/old" 'S> PUBLISH topic="mixed" payload="new" qos=1 packet_id=1'
stop "$old"

# --- bad clients do not harm the others -----------------------------------------------------------------

printf '.hex 16 03 01 02 00 01 00 01 fc 03 03\n.wait close\n' | run 0 "$MQW" open "$server"
await_text "$scratch/server.log" 'TLS'
printf '.raw GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\n.wait close\n' | run 0 "$MQW" open "$server"
await_text "$scratch/server.log" 'HTTP'
holds <<'SCRIPT'
C> CONNECT client_id="still there" clean_start
S> CONNACK
SCRIPT
stop "$server_pid"
[ "$code" -eq 0 ] || fail "SIGTERM ended the server with $code"

# --- by hand: a script says what the server says --------------------------------------------------------

cat >"$scratch/hand" <<'SCRIPT'
C> CONNECT client_id="x"
S> CONNACK session_present
C> SUBSCRIBE packet_id=$id filter="t":2
S> SUBACK packet_id=$id reasons=0x80
C> DISCONNECT
.wait close
SCRIPT
start hand "$MQW" listen --expect --script "$scratch/hand" tcp://127.0.0.1:0
hand=$child
printf 'CONNECT client_id="x"\nSUBSCRIBE packet_id=77 filter="t":2\nDISCONNECT\n' | run 0 "$MQW" open "$address"
says 'S> CONNACK session_present'
says 'S> SUBACK packet_id=77 reasons=0x80'
wait "$hand" || fail "the server's side of the transcript: $?"
start hand2 "$MQW" listen --expect --script "$scratch/hand" tcp://127.0.0.1:0
hand=$child
printf 'CONNECT client_id="y"\n' | run 1 "$MQW" open "$address"
code=0
wait "$hand" || code=$?
[ "$code" -eq 1 ] || fail "a client that differs: exit code $code"
await_text "$scratch/hand2.log" 'the client said something else'
await_text "$scratch/hand2.log" '- client_id="x"'
await_text "$scratch/hand2.log" '+ client_id="y"'

# lines go to the newest peer, or to #N
mkfifo "$scratch/lines" "$scratch/told"
timeout 60 "$MQW" listen --answer tcp://127.0.0.1:0 <"$scratch/lines" >"$scratch/told" 2>&1 &
lines=$!
children="$children $lines"
exec 4>"$scratch/lines" 3<"$scratch/told"
read -r first <&3
cat <&3 >"$scratch/told.log" &
exec 3<&-
address=${first#listening on }
for id in one two; do
    mkfifo "$scratch/$id"
    timeout 30 "$MQW" open -c -i "$id" --wait forever "$address" </dev/null >"$scratch/$id" 2>&1 &
    children="$children $!"
    cat "$scratch/$id" >"$scratch/$id.log" &
    await_text "$scratch/$id.log" 'S> CONNACK'
done
echo 'PUBLISH topic="to" payload="the newest"' >&4
await_text "$scratch/two.log" 'payload="the newest"'
echo '#1 PUBLISH topic="to" payload="the first"' >&4
await_text "$scratch/one.log" 'payload="the first"'
await_text "$scratch/told.log" '#1 S> PUBLISH topic="to" payload="the first"'
echo '#2 .close' >&4
await_text "$scratch/two.log" '# closed:'
exec 4>&-
stop "$lines"

# --- once, limits, other addresses, JSON ------------------------------------------------------------------

start once "$MQW" listen --answer --once --json "unix:$scratch/socket"
once=$child
run 0 "$MQW" open -c "unix:$scratch/socket" </dev/null
says 'S> CONNACK'
wait "$once" || fail "--once ended with $?"
await_text "$scratch/once.log" '"event":"closed"'
cp "$scratch/once.log" "$out"
json 'all[0].event === "listening" && all[1].event === "connected" && all[1].peer === 1'
json 'all.some(o => o.type === "CONNECT" && o.from === "client" && o.peer === 1 && o.clean_start === true)'
json 'all.some(o => o.type === "CONNACK" && o.from === "server" && o.reason_text === "accepted")'

# more clients than --max-peers wait until there is room
start few "$MQW" listen --answer --max-peers 1 tcp://127.0.0.1:0
timeout 30 "$MQW" open -c --wait forever "$address" </dev/null >"$scratch/first" 2>&1 &
first=$!
children="$children $first"
await_text "$scratch/first" 'S> CONNACK'
run 1 "$MQW" open -c --timeout 300 "$address" </dev/null
error_says 'got no answer'
stop "$first"
await_text "$scratch/few.log" '#1 # closed'
run 0 "$MQW" open -c "$address" </dev/null
says 'S> CONNACK'
finish
