#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw decode: good and bad streams, hexadecimal text, JSON, large payloads.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

connect4='10 10 0004 4d515454 04 02 003c 0004 74657374'
connect5='10 11 0004 4d515454 05 02 003c 00 0004 74657374'

hexed() { # CODE OPTIONS...: decodes hexadecimal text of standard input
    wanted_code=$1
    shift
    cat >"$scratch/text"
    run "$wanted_code" "$MQW" decode --hex "$@" "$scratch/text"
}

# --- packets, offsets, versions -----------------------------------------------------------------------

bytes "$connect4 300a00047465737468696869 c000 e000" >"$scratch/stream"
run 0 "$MQW" decode "$scratch/stream"
says '00000000  CONNECT version=4 client_id="test" keep_alive=60 clean_start'
says '00000012  PUBLISH topic="test" payload="hihi"'
says '0000001e  PINGREQ'
says '00000020  DISCONNECT'
lines 4 .
cp "$out" "$scratch/once"
run 0 "$MQW" decode <"$scratch/stream"
cmp -s "$out" "$scratch/once" || fail "a file and standard input differ"
run 0 "$MQW" decode - <"$scratch/stream"
cmp -s "$out" "$scratch/once" || fail "a file and - differ"

# the version of CONNECT holds for what follows: properties behind it
hexed 0 <<HEX
$connect5
30 0b 0004 74657374 02 01 01 68 69 # payload format 1
e0 00
HEX
says 'PUBLISH topic="test" payload="hi" payload_format=1'
# without a CONNECT it has to be told
echo '40 03 0007 10' | hexed 1
error_says '--version 5 reads it as 5.0'
echo '40 03 0007 10' | hexed 0 --version 5
says 'PUBACK packet_id=7 reason=0x10 (no matching subscribers)'
echo '40 03 0007 10' | hexed 0 --version 5 --full
says 'PUBACK packet_id=7 reason=0x10'
silent_of 'matching'
: | run 0 "$MQW" decode
lines 0 .

# who speaks (MQTT-3.2.0-1 is a server's): the other side may not say that
printf '20 02 0000' | hexed 0
printf '20 02 0000' | hexed 0 --from server
says 'CONNACK'
printf '20 02 0000' | hexed 1 --from client
error_says 'only the other side may send'
# one direction says nothing of the order: a stream may begin in the middle
printf 'c000 c000' | hexed 0 --from client

# --- bad streams --------------------------------------------------------------------------------------

# UTF-8 (MQTT-1.5.3-1 in 3.1.1, MQTT-1.5.4-1 in 5.0): offset, clause, and what stood there
printf 'c000 300a 0004 74ff7374 68696869' | hexed 1
says '00000000  PINGREQ'
error_says 'MQTT-1.5.3-1'
error_says 'byte 4'
error_says 'c0 00 30 0a 00 04 74 ff'
printf '300b 0004 74ff7374 00 68696869' | hexed 1 --version 5
error_says 'MQTT-1.5.4-1'
# QoS 3 (MQTT-3.3.1-4) cannot be tolerated
printf '3606 0001 61 0001 62' | hexed 1 --lenient
error_says 'MQTT-3.3.1-4'
# what can be tolerated is named: a packet identifier of 0 (MQTT-2.3.1-1), flags (MQTT-2.2.2-1)
printf '4002 0000 c000' | hexed 1
error_says 'MQTT-2.3.1-1'
printf '4002 0000 c100' | hexed 0 --lenient
says 'MQTT-2.3.1-1'
says 'MQTT-2.2.2-1'
says 'PINGREQ'
# the stream ends inside a packet
printf '300a0004 74657374 68' | hexed 1
error_says 'begins at byte 0: '
error_says 'ended inside a packet'
bytes 30 >"$scratch/stream"
run 1 "$MQW" decode "$scratch/stream"
# a fifth length byte; a length of 256 MiB with nothing behind it
printf '30ffffffff01' | hexed 1
error_says 'more than four bytes'
printf '20ffffff7f' | hexed 1
# another protocol
printf 'GET / HTTP/1.0\r\n\r\n' >"$scratch/stream"
run 1 "$MQW" decode --from client "$scratch/stream"
error_says HTTP
# terminals are not written to by strangers: ESC is shown, not sent
printf '3007 0001 61 1b5b334a' | hexed 0
[ "$(tr -d '\033' <"$out" | wc -c)" -eq "$(wc -c <"$out")" ] || fail "an escape sequence of the payload reached the terminal"

# --- hexadecimal text ---------------------------------------------------------------------------------

cat >"$scratch/wanted" <<'TEXT'
00000000  CONNECT version=4 client_id="test" keep_alive=60 clean_start
00000012  PUBLISH topic="test" payload="hihi"
TEXT
same() {
    check
    cmp -s "$out" "$scratch/wanted" || fail "read differently: $1"
}
printf '101000044d51545404 02003c000474657374300a00047465737468696869' | hexed 0
same 'bare digits'
printf '0x10,0x10,0x00,0x04,0x4d,0x51,0x54,0x54, 0x04 0x02 0x00 0x3c # flags, keep alive\n\\x00\\x04\\x74\\x65\\x73\\x74\n30:0A:00:04:74:65:73:74 68696869' | hexed 0
same 'as C has it'
hexed 0 <<'DUMP'
00000000: 1010 0004 4d51 5454 0402 003c 0004 7465  ....MQTT...<..te
00000010: 7374 300a 0004 7465 7374 6869 6869       st0...testhihi
DUMP
same 'xxd'
hexed 0 <<'DUMP'
00000000  10 10 00 04 4d 51 54 54  04 02 00 3c 00 04 74 65  |....MQTT...<..te|
00000010  73 74 30 0a 00 04 74 65  73 74 68 69 68 69        |st0...testhihi|
0000001e
DUMP
same 'hexdump -C'
hexed 0 <<'DUMP'
0000000 10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 74 65
0000020 73 74 30 0a 00 04 74 65 73 74 68 69 68 69
0000036
DUMP
same 'od -t x1'
hexed 0 <<'DUMP'
0000   10 10 00 04 4d 51 54 54  04 02 00 3c 00 04 74 65   ....MQTT ...<..te
0010   73 74 30 0a 00 04 74 65  73 74 68 69 68 69         st0...te sthihi
DUMP
same Wireshark
printf '10 1' | hexed 1
error_says 'line 1: a byte has two digits'
printf '10\n10 zz' | hexed 1
error_says 'line 2: this is no hexadecimal digit'
printf '00000000  c0 00\n*\n00000020\n' | hexed 1
error_says 'line 2: lines were left out'
printf '00000000  c0 00\n00000010  c0 00\n' | hexed 1
error_says 'line 2: the offset does not fit'
printf '0000000 00c0 00c0\n' | hexed 1
error_says 'words of two bytes'

# --- JSON ---------------------------------------------------------------------------------------------

hexed 0 --json <<HEX
$connect5
32 18 0001 61 0007 0f 03 0004 74657874 26 0001 6b 0002 7631 ff fe 00
c000
HEX
lines 3 .
json 'all[0].type === "CONNECT" && all[0].version === 5 && all[0].client_id === "test" && all[0].offset === 0'
json 'all[1].topic === "a" && all[1].qos === 1 && all[1].packet_id === 7 && all[1].offset === 19'
json 'all[1].properties.content_type === "text" && all[1].properties.user[0].name === "k" && all[1].properties.user[0].value === "v1"'
json 'all[1].payload_encoding === "base64" && Buffer.from(all[1].payload, "base64").toString("hex").startsWith("fffe00")'
printf '3007 0001 61 c3a420 22' | hexed 0 --json
json 'all[0].payload === "\u00e4 \"" && all[0].payload_encoding === undefined'
printf '9007 0009 00010280 80' | hexed 0 --json
json 'all[0].packet_id === 9 && all[0].reasons.join() === "0,1,2,128,128"'
printf '8209 0007 0004 746573 74 01' | hexed 0 --json
json 'all[0].filters[0].filter === "test" && all[0].filters[0].qos === 1'
printf '4002 0000' | hexed 0 --json --lenient
json 'all[0].violations[0].rule === "PACKET_ID_ZERO" && all[0].violations[0].clause === "MQTT-2.3.1-1"'
printf 'c000 3606 0001 61 0001 62' | hexed 1 --json
json 'all[1].event === "error" && all[1].clause === "MQTT-3.3.1-4" && all[1].offset >= 2 && all[1].by_peer'

# --- large: payloads in pieces, memory bounded ----------------------------------------------------------

# 3 MB of payload: 3000000 + 3 bytes behind the fixed header
{
    bytes 30 c3 8d b7 01 0001 61
    head -c 3000000 /dev/zero
    bytes c000
} >"$scratch/large"
run 0 "$MQW" decode "$scratch/large"
says 'payload_left='
says 'PINGREQ'
lines 2 .
run 0 "$MQW" decode --json "$scratch/large"
json 'all[0].type === "PUBLISH" && all.filter(o => o.type === "PIECE").length > 1 && all.at(-1).type === "PINGREQ"'
json 'all.filter(o => o.type !== "PINGREQ").reduce((sum, o) => sum + Buffer.from(o.payload, "base64").length, 0) === 3000000'
head -c 2999999 "$scratch/large" >"$scratch/cut"
run 1 "$MQW" decode "$scratch/cut"
error_says 'ended inside a packet'

# --- what cannot be printed -----------------------------------------------------------------------------

bytes c000 >"$scratch/ping"
for option in --full --json; do
    # shellcheck disable=SC2016 # for the inner shell
    run 4 sh -c '"$0" decode "$1" "$2" >/dev/full' "$MQW" "$option" "$scratch/ping"
    error_says 'standard output cannot be written'
done
# nothing that a peer says reaches a terminal as a control character (DEL included)
printf '30 06 0001 61 1b 7f 0a' | hexed 0 --json
json 'all[0].payload === "\u001b\u007f\n"'
lines 0 "$(printf '[\033\177]')"
finish
