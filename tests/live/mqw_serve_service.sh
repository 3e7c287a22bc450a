#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw serve as a service: metrics and health, sockets that are handed over, readiness and the watchdog, the log as JSON and
# for the journal, another user, descriptors, an end by force.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
. "${SOURCE_DIR:-.}/tests/live/lib/serve.sh"
need_program mosquitto_pub mosquitto_sub perl

# --- metrics --------------------------------------------------------------------------------------------------

# http CODE PATH [METHOD]: what comes is in $out
http() {
    check
    node -e 'const [port, path, method] = process.argv.slice(1), http = require("http");
        const request = http.request({ host: "127.0.0.1", port, path, method: method || "GET" }, response => {
            let text = "";
            response.on("data", data => text += data);
            response.on("end", () => { console.log(`${response.statusCode} ${response.headers["content-type"]}`); process.stdout.write(text); });
        });
        request.on("error", error => console.log(String(error)));
        request.end()' "$metrics" "$2" "${3:-}" >"$out" 2>"$err"
    head -n 1 "$out" | grep -q "^$1 " || fail "$2 is answered by $(head -n 1 "$out")"
}
serve metrics --metrics 127.0.0.1:0 mqtt://127.0.0.1:0
metrics=$(address metrics http | sed -E 's|.*:([0-9]+)/.*|\1|') port=$(port metrics mqtt)
"$MQW" sub -t 'a/#' -q 1 -i ear "mqtt://127.0.0.1:$port" >"$scratch/ear" 2>&1 &
ear=$!
children="$children $ear"
logged metrics 'connected client=ear'
run 0 mosquitto_pub -h 127.0.0.1 -p "$port" -t a/b -m x -r -q 1
http 200 /metrics
says 'text/plain; version=0.0.4'
lines 1 '^mqwire_clients_connected 1$'
lines 1 '^mqwire_retained 1$'
lines 1 '^mqwire_publish_received_total [1-9]'
lines 1 '^# TYPE mqwire_publish_received_total counter$'
lines 1 '^# TYPE mqwire_clients_connected gauge$'
lines 1 '^# HELP mqwire_clients_connected Clients connected now\.$'
lines 1 '^mqwire_build_info\{version="[0-9.]+"\} 1$'
lines 1 '^process_resident_memory_bytes [1-9][0-9]{5,}$'
# every row of the header is there, with its words and its kind, and every line is one of the format
sed -nE 's/^    X\(([a-z_]+), "[a-z/_ ]*",.*/\1/p' "${SOURCE_DIR:-.}/include/mqwire/broker.h" >"$scratch/rows"
check
[ "$(wc -l <"$scratch/rows")" -gt 35 ] || fail 'the rows of MQW_BROKER_STATUS were not found'
while read -r row; do
    [ "$row" = clients_total ] && row=sessions
    lines 1 "^mqwire_$row(_total)? [0-9]+\$"
    lines 1 "^# HELP mqwire_$row(_total)? [A-Z]"
    lines 1 "^# TYPE mqwire_$row(_total)? (counter|gauge)\$"
done <"$scratch/rows"
check
tail -n +2 "$out" | grep -vE '^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.]+)$' >"$scratch/odd" && fail "not of the format: $(head -n 1 "$scratch/odd")"
http 200 /healthz
says ok
http 200 /healthz HEAD
http 404 /
http 405 /metrics POST
says 'GET or HEAD'
http 405 /metrics DELETE
ends 0 "$child" TERM
run 3 "$MQW" serve --metrics 127.0.0.1:0x mqtt://127.0.0.1:0
error_says 'HOST:PORT or PORT'

# --- sockets, readiness, watchdog -----------------------------------------------------------------------------

# managed NAME SOCKETS OPTIONS...: a broker under a service manager; what it is told is in $scratch/NAME.log, with its log.
managed() {
    name=$1 sockets=$2
    shift 2
    TMPDIR=$scratch WATCHDOG_MS=300 perl "${SOURCE_DIR:-.}/tests/live/lib/manager.pl" "$sockets" "$MQW" serve "$@" \
        </dev/null >"$scratch/$name.log" 2>&1 &
    manager=$!
    children="$children $manager"
    await_text "$scratch/$name.log" 'told READY=1'
    broker=$(sed -n 's/^pid //p' "$scratch/$name.log")
}
socket_port() { # NAME SOCKET
    sed -n "s/^socket $2 //p" "$scratch/$1.log"
}
managed notified - mqtt://127.0.0.1:0
await_text "$scratch/notified.log" 'told WATCHDOG=1'
kill -HUP "$broker"
await_text "$scratch/notified.log" 'told RELOADING=1'
logged notified 'told MONOTONIC_USEC=[0-9]+'
logged notified 'told RELOADING=1[^$]*told READY=1'
kill -TERM "$broker"
await_text "$scratch/notified.log" 'told STOPPING=1'
await_text "$scratch/notified.log" 'ended 0'
wait "$manager"

managed activated mqtt,ws,metrics
run 0 mosquitto_pub -h 127.0.0.1 -p "$(socket_port activated mqtt)" -t a -m handed -r
run 0 "$MQW" sub -t a -C 1 -W 10 "ws://127.0.0.1:$(socket_port activated ws)"
says handed
metrics=$(socket_port activated metrics)
http 200 /healthz
not_logged activated '127.0.0.1:1883'
kill -TERM "$broker"
wait "$manager"
mkdir "$scratch/certs"
"${SOURCE_DIR:-.}/tests/live/lib/certificates.sh" "$scratch/certs" || { fail 'no certificates'; finish; }
managed secured mqtts,wss,plain --cert "$scratch/certs/server.pem" --key "$scratch/certs/key.pem"
run 0 "$MQW" pub -t a -m handed -r --cafile "$scratch/certs/ca.pem" "mqtts://127.0.0.1:$(socket_port secured mqtts)"
run 0 "$MQW" sub -t a -C 1 -W 10 --cafile "$scratch/certs/ca.pem" "wss://127.0.0.1:$(socket_port secured wss)"
says handed
run 0 mosquitto_sub -h 127.0.0.1 -p "$(socket_port secured plain)" -t a -C 1 -W 10
kill -TERM "$broker"
wait "$manager"
cat >"$scratch/named.conf" <<CONF
[tls]
certificate = $scratch/certs/server.pem
key = $scratch/certs/key.pem
[listener secure]
address = systemd:inner
tls = yes
websocket = yes
ws_path = /inner
CONF
managed configured inner --config "$scratch/named.conf"
run 0 "$MQW" pub -t a -m x --cafile "$scratch/certs/ca.pem" "wss://127.0.0.1:$(socket_port configured inner)/inner"
kill -TERM "$broker"
wait "$manager"
run 3 "$MQW" serve --config "$scratch/named.conf"
error_says 'no socket of the name inner was handed over'

# await_socket PATH: waits until somebody listens there, 10 seconds at most.
await_socket() {
    check
    node -e 'const net = require("net"), end = Date.now() + 10000;
        const attempt = () => net.connect(process.argv[1], () => process.exit(0))
            .on("error", () => Date.now() < end ? setTimeout(attempt, 20) : process.exit(1));
        attempt()' "$1" || fail 'it does not listen'
}

# --- the log --------------------------------------------------------------------------------------------------

serve json --json --log-level debug mqtt://127.0.0.1:0
port=$(sed -nE 's/.*"on":"mqtt:[^"]*:([0-9]+)".*/\1/p' "$scratch/json.log")
printf 'CONNECT version=5 client_id="a \\"b\\" \\n\\x1b[31m\\xc2\\x9b" username="me" password="hidden" clean_start\n.wait CONNACK\nSUBSCRIBE packet_id=1 filter="t/#":1\n.wait SUBACK\nPUBLISH topic="t/x" payload="hidden" qos=1 packet_id=7\n.wait PUBLISH\nDISCONNECT\n.wait close\n' \
    >"$scratch/lines"
"$MQW" open --answers all --script "$scratch/lines" "mqtt://127.0.0.1:$port" >"$out" 2>&1
run 0 "$MQW" open -c -i 'a "b" \c' -u me -P hidden "mqtt://127.0.0.1:$port" </dev/null
run 0 "$MQW" pub -t t/x -m hidden -q 1 -r "mqtt://127.0.0.1:$port"
logged json '"event":"published"'
ends 0 "$child" TERM
cp "$scratch/json.log" "$out"
json 'all.every(line => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(line.time) && ["error", "warning", "notice", "debug"].includes(line.level) && line.event)'
json 'all.some(line => line.event === "connected" && line.client === "a \"b\" \\c" && line.says_user === "me")'
json 'all.some(line => line.event === "published" && line.topic === "t/x" && line.bytes === 6 && line.qos === 1 && line.retain === "yes")'
json 'all.filter(line => line.event === "ready").length === 1'
not_logged json hidden
check
[ -z "$(tr -d '\n' <"$scratch/json.log" | LC_ALL=C tr -d ' -~')" ] || fail 'the log has characters that are not plain'
# without events of the level there is nothing
"$MQW" serve --log-level error "unix:$scratch/quiet.socket" >"$scratch/quiet.log" 2>&1 </dev/null &
child=$!
children="$children $child"
await_socket "$scratch/quiet.socket"
run 0 "$MQW" pub -t a -m b "unix:$scratch/quiet.socket"
ends 0 "$child" TERM
check
[ ! -s "$scratch/quiet.log" ] || fail "it said $(head -n 1 "$scratch/quiet.log")"
# the journal learns the level in front, and adds the time itself
: >"$scratch/journal.log"
JOURNAL_STREAM=$(stat -c %d:%i "$scratch/journal.log") "$MQW" serve "unix:$scratch/journal.socket" >>"$scratch/journal.log" 2>&1 </dev/null &
child=$!
children="$children $child"
await_text "$scratch/journal.log" ready
logged journal '^<5>listening on=unix:'
ends 0 "$child" TERM
# syslog takes all of it
"$MQW" serve --set log.to=syslog "unix:$scratch/system.socket" >"$scratch/system.log" 2>&1 </dev/null &
child=$!
children="$children $child"
await_socket "$scratch/system.socket"
ends 0 "$child" TERM
check
[ ! -s "$scratch/system.log" ] || fail "standard error has $(head -n 1 "$scratch/system.log")"
# one who reads no log does not stop it
mkfifo "$scratch/stuck"
"$MQW" serve --log-level debug --set log.max_rate=unlimited "unix:$scratch/stuck.socket" 2>"$scratch/stuck" </dev/null &
stuck=$!
children="$children $stuck"
exec 5<"$scratch/stuck"
await_socket "$scratch/stuck.socket"
check
seq 3000 | timeout 30 "$MQW" pub -l -q 1 -t flood "unix:$scratch/stuck.socket" >"$out" 2>&1 || fail 'a log that nobody reads has stopped it'
cat <&5 >"$scratch/stuck.log" &
run 0 "$MQW" pub -t after -m x "unix:$scratch/stuck.socket"
logged stuck 'left-out lines=[0-9]+'
exec 5<&-
ends 0 "$stuck" TERM
# more lines than are wanted in a second are counted
serve flood --log-level debug --set log.max_rate=50 mqtt://127.0.0.1:0
seq 2000 | "$MQW" pub -l -q 1 -t flood "mqtt://127.0.0.1:$(port flood mqtt)" >"$out" 2>&1
check
[ "$(wc -l <"$scratch/flood.log")" -lt 600 ] || fail "$(wc -l <"$scratch/flood.log") lines"
ends 0 "$child" TERM

# --- another user ---------------------------------------------------------------------------------------------

# the sanitizers' search for leaks cannot look into a process that has changed its user
export ASAN_OPTIONS=detect_leaks=0
if [ "$(id -u)" -eq 0 ]; then
    mkdir "$scratch/owned"
    chown nobody "$scratch/owned"
    chmod 711 "$scratch"
    serve nobody --user nobody --store "$scratch/owned/store" mqtt://127.0.0.1:0 "unix:$scratch/owned/socket"
    for id in Uid Gid; do
        check
        ids=$(awk -v id="$id:" '$1 == id { print $2, $3, $4, $5 }' "/proc/$child/status")
        case $id in
        Uid) wanted=$(id -u nobody) ;;
        *) wanted=$(id -g nobody) ;;
        esac
        [ "$ids" = "$wanted $wanted $wanted $wanted" ] || fail "$id: $ids"
    done
    check
    grep -qE '^CapEff:\s*0+$' "/proc/$child/status" || fail "it kept $(grep CapEff "/proc/$child/status")"
    check
    grep -qE '^NoNewPrivs:\s*1$' "/proc/$child/status" || fail 'it may gain privileges'
    check
    [ "$(stat -c %U "$scratch/owned/store")" = nobody ] || fail "the store is $(stat -c %U "$scratch/owned/store")'s"
    not_logged nobody 'runs as root'
    run 0 mosquitto_pub -h 127.0.0.1 -p "$(port nobody mqtt)" -t a -m b
    ends 0 "$child" TERM
    # a file that the user cannot read is found at once, not at the first reload
    printf 'user a\ntopic a\n' >"$scratch/private"
    chmod 600 "$scratch/private"
    run 2 "$MQW" serve --user nobody --acl "$scratch/private" mqtt://127.0.0.1:0
    error_says 'Permission denied'
    serve root mqtt://127.0.0.1:0
    logged root 'this runs as root'
    ends 0 "$child" TERM
else
    run 2 "$MQW" serve --user root mqtt://127.0.0.1:0
    error_says 'only root can become root'
    serve self --user "$(id -un)" mqtt://127.0.0.1:0
    check
    grep -qE '^NoNewPrivs:\s*1$' "/proc/$child/status" || fail 'it may gain privileges'
    ends 0 "$child" TERM
fi

# --- descriptors ----------------------------------------------------------------------------------------------

(ulimit -Sn 64 && exec "$MQW" serve --set broker.max_connections=500 mqtt://127.0.0.1:0) </dev/null >"$scratch/files.log" 2>&1 &
child=$!
children="$children $child"
await_text "$scratch/files.log" ready
check
[ "$(awk '/Max open files/ { print $4 }' "/proc/$child/limits")" -ge 564 ] || fail 'the limit of descriptors is too low'
ends 0 "$child" TERM
(ulimit -n 200 && exec "$MQW" serve --set broker.max_connections=1000000 mqtt://127.0.0.1:0) </dev/null >"$scratch/few.log" 2>&1 &
child=$!
children="$children $child"
await_text "$scratch/few.log" ready
[ "$(id -u)" -eq 0 ] || logged few 'descriptors for 136 connections'
ends 0 "$child" TERM

# --- an end by force ------------------------------------------------------------------------------------------

# a client that stays holds the end up, until its linger is over, a second signal comes, or drain_timeout
hold() { # NAME OPTIONS...
    name=$1
    shift
    serve "$name" "$@" "unix:$scratch/$name.socket"
    node -e 'const net = require("net"), client = net.connect({ path: process.argv[1], allowHalfOpen: true });
        client.write(Buffer.from("101000044d515454050200000000" + "03616263", "hex"));
        client.resume();
        setTimeout(() => process.exit(0), 60000)' "$scratch/$name.socket" >"$scratch/$name.there" 2>&1 &
    children="$children $!"
    logged "$name" 'connected client=abc'
}
hold timeout --set process.drain_timeout=1ms
ends 4 "$child" TERM
logged timeout 'not closed within drain_timeout'
hold twice
kill -TERM "$child"
logged twice closing
ends 4 "$child" INT
logged twice 'a second signal'
hold patient
ends 0 "$child" TERM
finish
