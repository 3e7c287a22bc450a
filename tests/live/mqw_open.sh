#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw open: lines, scripts, transcripts that hold and that do not, answers, the end of the input, exit codes.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

start server "$MQW" listen --answer --echo tcp://127.0.0.1:0
server=$address

# --- lines of standard input --------------------------------------------------------------------------

# all requests are answered before it ends; DISCONNECT waits for that
run 0 "$MQW" open "$server" <<'LINES'
CONNECT client_id="lines" clean_start
SUBSCRIBE packet_id=1 filter="a":0

# a comment
PINGREQ
DISCONNECT
LINES
lines 1 'C> CONNECT version=4 client_id="lines" clean_start$'
lines 1 'S> CONNACK reason=0x00 \(success\)$'
lines 1 'S> SUBACK packet_id=1'
lines 1 'S> PINGRESP$'
lines 1 'C> DISCONNECT$'
lines 1 '# connected to tcp://127\.0\.0\.1:'
lines 1 '# closed: 4 packets sent, 3 received'
silent_of 'a comment'
lines 0 "$(printf '\033')"
# nothing is sent by itself
run 0 "$MQW" open "$server" </dev/null
lines 0 'C>'
# a last line without its end; what it asks is answered
printf 'CONNECT client_id="x" clean_start' | run 0 "$MQW" open "$server"
says 'S> CONNACK'
# the version of the option holds for a CONNECT that names none
echo 'CONNECT client_id="x"' | run 0 "$MQW" open --version 5 "$server"
says 'CONNECT version=5'
says 'topic_alias_maximum'
echo 'CONNECT client_id="x" version=4' | run 0 "$MQW" open --version 5 "$server"
says 'CONNECT version=4'

# --connect and what implies it
run 0 "$MQW" open --connect "$server" </dev/null
says 'C> CONNECT version=4 client_id="" clean_start'
run 0 "$MQW" open -i me -u joe -P secret -k 30 --clean -V 5 --full "$server" </dev/null
says 'CONNECT version=5 client_id="me" keep_alive=30 clean_start username="joe" password="secret"'
says 'S> CONNACK'
# the short form does not show secrets
run 0 "$MQW" open -i me -u joe -P secret "$server" </dev/null
silent_of secret
# a password without a user name is refused in 3.1.1 (MQTT-3.1.2-22)
run 2 "$MQW" open -i me -P secret "$server" </dev/null
error_says 'cannot say CONNECT'

# --- commands -----------------------------------------------------------------------------------------

run 0 "$MQW" open "$server" <<'LINES'
CONNECT client_id="x" clean_start
.wait CONNACK
.hex c0 00 # two bytes
.wait PINGRESP
.raw \0\0
.wait close
LINES
says 'S> PINGRESP'
says '# 2 bytes as they are:'
says '# c0 00'
run 0 "$MQW" open "$server" <<'LINES'
CONNECT client_id="x" clean_start
.quit
PINGREQ
LINES
silent_of 'PINGREQ'
run 0 "$MQW" open --hex "$server" <<'LINES'
CONNECT client_id="x" clean_start
LINES
says '# 10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 78'
run 2 "$MQW" open "$server" <<'LINES'
CONNECT client_id="x" clean_start
.fly
LINES
error_says 'line:2: no such command'
run 2 "$MQW" open "$server" <<'LINES'
.wait NOTHING
LINES
run 2 "$MQW" open "$server" <<'LINES'
.hex 1
LINES
error_says 'a byte has two digits'

# a line that is not understood names its column; one that may not be said names the clause
echo 'PUBLISH topic="a" qos=x' | run 2 "$MQW" open -c "$server"
error_says 'line:1: column 23: expected a number'
echo 'PUBLISH topic="a/#"' | run 2 "$MQW" open -c "$server"
error_says 'MQTT-3.3.2-2'
echo 'PINGRESP' | run 2 "$MQW" open -c "$server"
# raw bytes reach the wire, whatever they are: the server closes (MQTT-2.1.3-1 is what it then says to 5.0)
printf '.wait CONNACK\n.hex c100\n.wait DISCONNECT\n' | run 0 "$MQW" open -c -V 5 "$server"
says 'S> DISCONNECT reason=0x81 (malformed packet)'

# --- transcripts --------------------------------------------------------------------------------------

cat >"$scratch/good" <<'SCRIPT'
# what a line does not name is not compared, * is any value, $name keeps one
C> CONNECT version=5 client_id="" clean_start
S< CONNACK assigned_client_id=* reason=*
C> SUBSCRIBE packet_id=1 filter="a/+":1
S> SUBACK packet_id=1 reasons=1
C> PUBLISH topic="a/b" payload="hi" qos=1 packet_id=9 user="k":"v"
S> PUBLISH topic="a/b" payload=0x6869 qos=1 packet_id=$id user="k":"v" dup=
S> PUBACK packet_id=9
C> PUBACK packet_id=$id
.wait close 1
SCRIPT
sed -i 's/ dup=$//; /close 1/d' "$scratch/good"
run 0 "$MQW" open --expect --script "$scratch/good" "$server"
says 'S> PUBACK packet_id=9'
run 0 "$MQW" open --expect "$server" <"$scratch/good"
run 0 "$MQW" open --expect --notes --script "$scratch/good" "$server"
says '# what a line does not name'
# without --expect the peer's lines only set the pace
sed 's/reasons=1/reasons=0x80/; s/\$id/1/' "$scratch/good" >"$scratch/pace"
run 0 "$MQW" open --script "$scratch/pace" "$server"

# what mqw shows can be played: times and peers are skipped
run 0 "$MQW" open --full --expect --script "$scratch/good" "$server"
grep -v '^listening' "$out" | sed 's/assigned_client_id="[^"]*"/assigned_client_id=*/' >"$scratch/played"
run 0 "$MQW" open --expect --exact --script "$scratch/played" "$server"

differ() { # SED-SCRIPT: the good transcript, changed, does not hold
    sed "$1" "$scratch/good" >"$scratch/bad"
    run 1 "$MQW" open --expect --timeout 2000 --script "$scratch/bad" "$server"
}
differ 's/^S> SUBACK.*/S> SUBACK packet_id=1 reasons=2/'
error_says 'bad:5: the server said something else'
error_says 'expected  SUBACK packet_id=1 reasons=2'
error_says 'got       SUBACK packet_id=1 reasons=0x01'
error_says '- reasons=0x02'
error_says '+ reasons=0x01'
differ 's/^S> SUBACK.*/S> UNSUBACK packet_id=1/'
error_says '- UNSUBACK'
error_says '+ SUBACK'
differ 's/user="k":"v" *$/user="k":"w"/;s/packet_id=9 user="k":"w"/packet_id=9 user="k":"v"/'
error_says '- user="k":"w"'
error_says '+ user="k":"v"'
# a property of any value has to be there
differ 's/^S> SUBACK.*/S> SUBACK packet_id=1 reason_string=*/'
error_says '- reason_string=*'
error_says '+ (no reason_string)'
# !name is what must not be there
differ 's/^S> SUBACK.*/S> SUBACK packet_id=1 !reasons/'
error_says '- (no reasons)'
# a packet too many before the one that is expected
differ 's/^S> SUBACK.*/# left out/'
error_says '+ SUBACK'
# nothing comes
printf 'C> CONNECT client_id="x" clean_start\nS> CONNACK\nS> PINGRESP\n' | run 1 "$MQW" open --expect --timeout 300 "$server"
error_says 'line:3: not within 300 ms'
error_says 'expected  PINGRESP'
printf 'CONNECT client_id="x" clean_start\n.wait CONNACK\n.wait PINGRESP 200\n' | run 1 "$MQW" open "$server"
error_says 'not within 200 ms'
# the connection ends instead
printf 'C> CONNECT client_id="x" clean_start\nS> CONNACK\nC> DISCONNECT\nS> PINGRESP\n' | run 1 "$MQW" open --expect "$server"
error_says 'line:4: the connection is closed'
# and where the end is expected, nothing else may come
printf 'C> CONNECT client_id="x" clean_start\nS> CONNACK\nC> DISCONNECT\n.wait close\n' | run 0 "$MQW" open --expect "$server"
printf 'C> CONNECT client_id="x" clean_start\nS> CONNACK\nC> PINGREQ\n.wait close\n' | run 1 "$MQW" open --expect "$server"
error_says 'something else'
# --exact: what the line leaves out must not be there
printf 'C> CONNECT version=5 client_id="x"\nS> CONNACK reason=0\n' | run 1 "$MQW" open --expect --exact "$server"
error_says '+ topic_alias_maximum='
printf 'C> CONNECT version=5 client_id="x"\nS> CONNACK reason=0 topic_alias_maximum=*\n' | run 0 "$MQW" open --expect --exact "$server"
# --unordered: the same packets in another order
cat >"$scratch/swapped" <<'SCRIPT'
C> CONNECT client_id="x" clean_start
S> CONNACK
C> PINGREQ
C> SUBSCRIBE packet_id=3 filter="s":0
S> SUBACK packet_id=3
S> PINGRESP
SCRIPT
run 1 "$MQW" open --expect --script "$scratch/swapped" "$server"
run 0 "$MQW" open --expect --unordered --script "$scratch/swapped" "$server"
echo 'S> PUBLISH topic="never"' >>"$scratch/swapped"
run 1 "$MQW" open --expect --unordered --timeout 300 --script "$scratch/swapped" "$server"
error_says 'not within 300 ms'
# a transcript that is not understood is exit code 2
printf 'S> CONNACK reason=x\n' | run 2 "$MQW" open --expect "$server"
error_says 'line:1: column'

# --- answers by itself, the end, JSON -------------------------------------------------------------------

run 0 "$MQW" open --answers acks -V 5 -c "$server" <<'LINES'
.wait CONNACK
SUBSCRIBE packet_id=1 filter="q":2
PUBLISH topic="q" payload="once" qos=2 packet_id=5
.wait PUBCOMP
.wait PUBREL
LINES
lines 1 'C> PUBREL packet_id=5'
lines 1 'C> PUBREC packet_id='
# without it a QoS 1 message stays unacknowledged
run 0 "$MQW" open -V 5 -c "$server" <<'LINES'
.wait CONNACK
SUBSCRIBE packet_id=1 filter="q":1
PUBLISH topic="q" qos=1 packet_id=5
.wait PUBLISH
LINES
silent_of 'C> PUBACK'
# keep alive: PINGREQ is sent when it is due
printf '.wait CONNACK\n.wait PINGRESP\n' | run 0 "$MQW" open --answers pingreq --keep-alive 1 "$server"
says 'C> PINGREQ'

# a server that never answers: --timeout ends that
start mute "$MQW" listen tcp://127.0.0.1:0
echo 'CONNECT client_id="x" clean_start' | run 1 "$MQW" open --timeout 300 "$address"
error_says '1 of the requests got no answer within 300 ms'
# --wait listens on: what another client publishes meanwhile is heard, and the peer's end is the end
mkfifo "$scratch/said"
timeout 30 "$MQW" open -c --wait forever "$server" >"$scratch/said" 2>&1 <<'LINES' &
.wait CONNACK
SUBSCRIBE packet_id=1 filter="news":0
LINES
subscriber=$!
children="$children $subscriber"
cat "$scratch/said" >"$scratch/heard" &
await_text "$scratch/heard" 'S> SUBACK'
printf '.wait CONNACK\nPUBLISH topic="news" payload="late"\n' | run 0 "$MQW" open -c "$server"
await_text "$scratch/heard" 'S> PUBLISH topic="news" payload="late"'
stop "$subscriber"

printf '.wait CONNACK\nPUBLISH topic="a" payload=0xff00 qos=1 packet_id=2 user="k":"v"\n' | run 0 "$MQW" open -c -V 5 --json "$server"
json 'all[0].event === "connected" && all.at(-1).event === "closed"'
json 'all.some(o => o.type === "CONNACK" && o.from === "server" && o.reason === 0 && o.properties.topic_alias_maximum === 16)'
json 'all.some(o => o.type === "PUBLISH" && o.from === "client" && o.payload === "/wA=" && o.payload_encoding === "base64")'
json 'all.every(o => !isNaN(Date.parse(o.time)))'

# nobody is there
run 3 "$MQW" open "unix:$scratch/nobody" </dev/null
error_says 'cannot connect'
# the peer breaks a rule: strict ends, report tells and goes on (MQTT-3.2.0-2, a second CONNACK)
cat >"$scratch/rude" <<'SCRIPT'
.wait CONNECT
.hex 20 02 00 00
.hex 20 02 00 00
.wait PINGREQ
.hex d0 00
.wait close
SCRIPT
start rude "$MQW" listen --script "$scratch/rude" tcp://127.0.0.1:0
printf '.wait CONNACK\n' | run 1 "$MQW" open -c --wait forever "$address"
says 'section 3.2'
start rude2 "$MQW" listen --script "$scratch/rude" tcp://127.0.0.1:0
printf '.wait CONNACK\n.wait CONNACK\nPINGREQ\n' | run 0 "$MQW" open -c --policy report "$address"
says 'section 3.2'
says 'S> PINGRESP'
finish
