#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw serve: starting, what it says, each kind of mistake in a configuration, signals, the store.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
. "${SOURCE_DIR:-.}/tests/live/lib/serve.sh"
need_program mosquitto_pub mosquitto_sub

# --- starting -------------------------------------------------------------------------------------------------

serve plain mqtt://127.0.0.1:0 --listen 'mqtt://[::1]:0' ws://127.0.0.1:0
logged plain 'there is no authentication for this machine: everybody on it may connect, read and write everything'
logged plain 'ready version=[0-9.]+ store=memory'
mqtt=$(port plain mqtt://127) six=$(port plain 'mqtt://\[::1') web=$(port plain ws://)
exchange() { # COMMAND OPTIONS...: publishes through each of them, hears it
    run 0 mosquitto_pub -h 127.0.0.1 -p "$mqtt" -t kept -m "$1" -r -q 1 -V "$2"
    run 0 mosquitto_sub -h ::1 -p "$six" -t '+' -C 1 -W 10 -q 1 -V "$2"
    says "$1"
}
exchange one 31
exchange two 311
exchange three 5
run 0 "$MQW" sub -t kept -C 1 -W 10 "ws://127.0.0.1:$web"
says three
run 0 "$MQW" sub -t '$SYS/broker/clients/connected' -C 1 -W 20 "mqtt://127.0.0.1:$mqtt"
lines 1 '^[0-9]+$'
logged plain 'connected client=.* from=tcp://127\.0\.0\.1:[0-9]+ at=tcp://127\.0\.0\.1:[0-9]+ version=5\.0'
logged plain 'disconnected client=.* reason=0x00'
run 3 "$MQW" serve "mqtt://127.0.0.1:$mqtt"
error_says 'Address already in use'
plain=$child

# what would be open to the world needs words
for address in mqtt://0.0.0.0:0 'mqtt://*:0' 'ws://[::]:0' 0.0.0.0:0; do
    run 2 "$MQW" serve "$address"
    error_says 'say --allow-anonymous'
done
serve open --allow-anonymous mqtt://0.0.0.0:0
logged open 'warning open text="everybody who can reach this broker may connect without a name, read and write everything"'
run 0 mosquitto_pub -h 127.0.0.1 -p "$(port open mqtt)" -t a -m b
run 2 "$MQW" serve -m 0.0.0.0:0 mqtt://127.0.0.1:0
error_says 'metrics.remote=yes'
run 2 "$MQW" serve --set access.anonymous=no mqtt://127.0.0.1:0
error_says 'nobody could connect'
serve socket "unix:$scratch/broker.socket"
run 0 "$MQW" pub -t a -m b "unix:$scratch/broker.socket"
ends 0 "$child" TERM

# --- the configuration ----------------------------------------------------------------------------------------

run 0 "$MQW" serve --print-config mqtt://127.0.0.1:0
cp "$out" "$scratch/printed"
run 0 "$MQW" serve --config "$scratch/printed" --print-config
cmp -s "$out" "$scratch/printed" || fail 'what was printed is not the same when it is read'
run 0 "$MQW" serve --config "$scratch/printed" --check
says 'all is well'
run 0 "$MQW" serve --print-config -S clients.max_queued=77 --set broker.max_memory=32M --set broker.connect_timeout=1500ms \
    --log-level debug --json
lines 1 '^max_queued = 77$'
lines 1 '^max_memory = 32M$'
lines 1 '^connect_timeout = 1500ms$'
lines 1 '^level = debug$'
lines 1 '^format = json$'

# mistake LINE WORDS: the line is the third of a file; what is said names file, line, and what is wrong.
mistake() {
    printf '# a comment\n[%s]\n%s\n' "$1" "$2" >"$scratch/bad.conf"
    run 2 "$MQW" serve --config "$scratch/bad.conf" --check
    error_says "$scratch/bad.conf:3: $3"
    grep -q . "$out" && fail 'something was said on standard output'
    run 2 "$MQW" serve --config "$scratch/bad.conf" mqtt://127.0.0.1:0
    error_says "$scratch/bad.conf:3: $3"
}
mistake clients 'max_queud = 5' '[clients] max_queud: unknown key; did you mean max_queued?'
mistake clients 'store = /tmp/x' '[clients] store: unknown key; it belongs into [broker]'
mistake nowhere 'a = b' 'unknown section nowhere'
mistake clients 'max_queued = many' '[clients] max_queued: many is not a number from 1 to 4294967295'
mistake clients 'max_queued = 0' '[clients] max_queued: 0 is not a number'
mistake clients 'max_queued = 4294967296' '[clients] max_queued: 4294967296 is not'
mistake clients 'max_queued = 99999999999999999999999' '[clients] max_queued: 99999999999999999999999 is not'
mistake clients 'max_queued = -1' '[clients] max_queued: -1 is not'
mistake clients 'max_queued =' '[clients] max_queued: nothing is not'
mistake clients 'max_inflight = 65536' '[clients] max_inflight: 65536 is not a number from 1 to 65535'
mistake clients 'max_packet_size = 1T' '[clients] max_packet_size: 1T is not a number of bytes from 64'
mistake clients 'when_full = burst' '[clients] when_full: burst is not one of drop-oldest, refuse, close'
mistake clients 'no_retain = maybe' '[clients] no_retain: maybe is neither yes nor no'
mistake clients 'max_keep_alive = 1500ms' '[clients] max_keep_alive: 1500ms is not unlimited or a time'
mistake broker 'connect_timeout = 2d' '[broker] connect_timeout: 2d is not a time from 1ms to 1d'
mistake broker 'status_interval = 0' '[broker] status_interval: 0 is not never or a time'
mistake access "passwords = $scratch/none" "[access] passwords: cannot read $scratch/none: No such file"
mistake access "acl = $scratch/none" "[access] acl: cannot read $scratch/none"
mistake tls "certificate = $scratch/none" "[tls] certificate: cannot read $scratch/none"
mistake tls 'client_certificates = required' '[tls] client_certificates: ca_file or ca_dir is needed'
mistake 'listener one' 'address = mqtts://127.0.0.1:0' '[listener one] certificate: TLS needs one'
mistake 'listener one' 'tls = yes' '[listener one] address: it is missing'
mistake 'listener' 'tls = yes' '[listener]: it needs a name'
mistake log 'level = loud' '[log] level: loud is not one of error, warning, notice, debug'
mistake log 'just words' 'neither [section], nor key = value'
mistake clients "$(head -c 9000 /dev/zero | tr '\0' x)" 'the line is too long'
printf 'a = b\n' >"$scratch/bad.conf"
run 2 "$MQW" serve --config "$scratch/bad.conf" --check
error_says "$scratch/bad.conf:1: a key before the first [section]: a"
printf '[clients]\nmax_queued = 5\n\n  max_queued = 6 ; twice\nmax_qos = 7\n' >"$scratch/bad.conf"
run 2 "$MQW" serve --config "$scratch/bad.conf" --check
error_says "$scratch/bad.conf:4: [clients] max_queued: it stands in line 2 already"
error_says "$scratch/bad.conf:5: [clients] max_qos: 7 is not one of 0, 1, 2" # and what comes behind it is told as well
run 2 "$MQW" serve --config "$scratch/no such file" --check
error_says 'cannot read'
run 2 "$MQW" serve --set max_queued=5 --check
error_says 'SECTION.KEY=VALUE'
run 2 "$MQW" serve --set clients.max_queud=5 --check
error_says 'did you mean max_queued?'
run 2 "$MQW" serve --check 'mqtts://127.0.0.1:0'
error_says 'TLS needs one'
run 2 "$MQW" serve --check --set 'process.user=nobody-at-all-here'
error_says 'there is no user'
echo nonsense >"$scratch/nonsense.pem"
run 2 "$MQW" serve --check --cert "$scratch/nonsense.pem" 'mqtts://127.0.0.1:0'
error_says nonsense.pem
printf '[listener one]\naddress = mqtt://127.0.0.1:0\ncertificate = %s\n' "$scratch/nonsense.pem" >"$scratch/bad.conf"
run 2 "$MQW" serve --config "$scratch/bad.conf" --check
error_says 'mqtt://127.0.0.1:0 is without TLS'

# each bound is passed on: a client is held to it
printf '[clients]\nmax_packet_size = 100\nmax_qos = 1\nno_retain = yes\nreceive_maximum = 7\ntopic_alias_maximum = none\nmax_keep_alive = 33s\n\n[listener here]\naddress = mqtt://127.0.0.1:0\n' \
    >"$scratch/bounds.conf"
serve bounds --config "$scratch/bounds.conf"
printf 'CONNECT version=5 client_id="x" clean_start keep_alive=100\n.wait CONNACK\nDISCONNECT\n.wait close\n' >"$scratch/lines"
run 0 "$MQW" open --full --script "$scratch/lines" "$(address bounds mqtt)"
for said in maximum_packet_size=100 maximum_qos=1 retain_available=0 receive_maximum=7 server_keep_alive=33; do
    says "$said"
done
silent_of topic_alias_maximum
ends 0 "$child" INT

# --- signals --------------------------------------------------------------------------------------------------

# SIGTERM: 5.0 clients hear 0x8B, and it ends well
serve closing mqtt://127.0.0.1:0
printf 'CONNECT version=5 client_id="x" clean_start\n.wait CONNACK\n.wait DISCONNECT 10000\n' >"$scratch/lines"
"$MQW" open --full --script "$scratch/lines" "$(address closing mqtt)" >"$scratch/heard" 2>&1 &
client=$!
logged closing 'connected client=x'
ends 0 "$child" TERM
wait "$client"
check
grep -qF 'S> DISCONNECT reason=0x8b' "$scratch/heard" || { cp "$scratch/heard" "$out"; fail 'no 0x8B at the end'; }
logged closing 'ended text="all connections are closed"'
# SIGHUP without anything to reload
kill -HUP "$plain"
logged plain 'reloaded'
ends 0 "$plain" INT

# --- the store ------------------------------------------------------------------------------------------------

serve first --store "$scratch/broker.db" mqtt://127.0.0.1:0
logged first "ready .*store=$scratch/broker.db"
check
[ "$(stat -c %a "$scratch/broker.db")" = 600 ] || fail "the store has mode $(stat -c %a "$scratch/broker.db")"
run 0 mosquitto_sub -h 127.0.0.1 -p "$(port first mqtt)" -t 'q/#' -i sleeper -c -q 1 -E
run 0 mosquitto_pub -h 127.0.0.1 -p "$(port first mqtt)" -t q/1 -m queued -q 1
run 0 mosquitto_pub -h 127.0.0.1 -p "$(port first mqtt)" -t r/1 -m kept -q 1 -r
run 3 "$MQW" serve --store "$scratch/broker.db" mqtt://127.0.0.1:0 # somebody has it
ends 137 "$child" KILL
serve second --store "$scratch/broker.db" mqtt://127.0.0.1:0
run 0 mosquitto_sub -h 127.0.0.1 -p "$(port second mqtt)" -t 'q/#' -i sleeper -c -q 1 -C 1 -W 10
says queued
run 0 mosquitto_sub -h 127.0.0.1 -p "$(port second mqtt)" -t 'r/#' -C 1 -W 10
says kept
ends 0 "$child" TERM
printf 'this is no database, and longer than its header would be: %0200d' 7 >"$scratch/broken.db"
cp "$scratch/broken.db" "$scratch/as it was"
run 3 "$MQW" serve --store "$scratch/broken.db" mqtt://127.0.0.1:0
error_says broken.db
check
cmp -s "$scratch/broken.db" "$scratch/as it was" || fail 'a file that is no store was changed'
run 3 "$MQW" serve --store /no/such/directory/store mqtt://127.0.0.1:0
error_says /no/such/directory
finish
