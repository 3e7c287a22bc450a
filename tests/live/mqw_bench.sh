#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw bench: a broker that loses, doubles, changes or reorders messages is found out, to the message; one that does not is
# not blamed. All loads, against mosquitto and mqw serve.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
. "${SOURCE_DIR:-.}/tests/live/lib/serve.sh"
need_program node

# bench CODE ARGUMENT...: a run against $address; its figures are in $out.
bench() {
    wanted_code=$1
    shift
    run "$wanted_code" "$MQW" bench "$address" --json --settle 0.5 "$@"
}
# figures EXPRESSION: in JavaScript, over the object `a`.
figures() {
    json "(a => $1)(all[0])"
}

# --- a broker that lies: 1,000 messages, of which every 100th is hit ----------------------------------------

# lie NAME CODE EXPRESSION ARGUMENT...
lie() {
    name=$1 code_wanted=$2 expression=$3
    shift 3
    start "$name.$#" node "${SOURCE_DIR:-.}/tests/live/mqw_bench_liar.mjs" "$name"
    bench "$code_wanted" -V 311 -n 1000 "$@"
    figures "$expression"
    stop "$child"
}
good='a.good && a.delivered === 1000 && a.lost + a.duplicates + a.reordered + a.corrupt + a.strange + a.refused === 0'
lie honest 0 "$good"
lie honest 0 "$good" -q 1
lie drop 1 '!a.good && a.lost === 10 && a.delivered === 990 && a.duplicates + a.reordered + a.corrupt + a.strange === 0'
lie drop 0 'a.good && a.lost === 10' --lossy -p 1
lie drop 1 'a.lost === 10' --lossy -q 1 -p 1
lie double 1 'a.duplicates === 10 && a.delivered === 1000 && a.lost + a.reordered === 0'
lie double 1 'a.duplicates === 10 && a.lost === 0' -q 1
lie swap 1 'a.reordered === 10 && a.delivered === 1000 && a.lost + a.duplicates === 0'
lie change 1 'a.corrupt === 10 && a.lost === 10'
lie change 1 'a.corrupt === 10' -l 5000
lie shorten 1 'a.corrupt === 10 && a.lost === 10' -l 100
lie retain 1 'a.corrupt === 10 && a.lost === 10'
lie lower 1 'a.corrupt === 10 && a.lost === 10' -q 1
lie rename 1 'a.strange === 10 && a.lost === 10'
lie misdirect 1 'a.strange === 10 && a.lost === 10' -p 2 -s 2
lie silent 1 'a.refused === 10 && a.delivered === 1000 && a.lost === 0' -q 1
lie twice 1 'a.refused === 10 && a.lost === 0' -q 1
lie hang 4 '!a.good && /ended|reset/.test(a.error)'
lie refuse 3 '!a.good && /reason 5/.test(a.error)'
lie deny 3 '!a.good && /refused a subscription/.test(a.error)'

# --- brokers that do not -------------------------------------------------------------------------------------

# all_loads NAME: what any broker has to stand, at $address; $child is its process.
all_loads() {
    for version in 31 311 5; do
        for qos in 0 1 2; do
            bench 0 -V $version -q $qos -n 2000 --watch "$child"
            figures 'a.good && a.delivered === 2000 && a.published === 2000 && a.deliver_rate > 0'
            figures 'a.latency_min <= a.latency_p50 && a.latency_p50 <= a.latency_p99 && a.latency_p99 <= a.latency_max'
        done
    done
    bench 0 -n 1000 -p 10 -s 10 -q 1
    figures 'a.delivered === 1000'
    bench 0 -n 1000 -p 3 -s 7 -t 7 -q 2
    figures 'a.delivered === 1000'
    bench 0 -n 1000 -s 20
    figures 'a.delivered === 20000'
    bench 0 -n 1000 -p 20 -q 1
    figures 'a.delivered === 1000'
    bench 0 -n 1000 -t 100 --filter 'bench/+/%n' -s 5
    figures 'a.delivered === 1000'
    bench 0 -n 500 -t 10 -p 2 -s 3 --filter 'bench/%r/#' -q 1
    figures 'a.delivered === 1500'
    bench 0 -n 1000 -s 6 --share 2 -q 1 -V 5
    figures 'a.delivered === 2000'
    bench 0 -n 100 -q 2 --sub-qos 0
    figures 'a.delivered === 100'
    bench 0 -n 20 -l 1000000 --verify-all -q 1
    figures 'a.delivered === 20 && a.payload_rate > 0'
    bench 0 -n 200 -l 16
    bench 0 -n 200 -r 1000 -p 2 -s 2
    figures 'a.delivered === 200 && a.published === 200 && a.seconds > 0.15 && a.latency_p50 > 0'
    bench 0 -d 0.3 --warmup 0.1 -q 1
    figures 'a.seconds >= 0.3 && a.delivered === a.published'
    bench 0 -n 300 --persistent -q 1 -s 3 -p 3
    bench 0 -n 300 --persistent -q 1 -V 311 -s 5 --at-once 2
    bench 0 --idle 100 --idle-subscribe --watch "$child"
    figures 'a.connections === 100 && "connect_bytes" in a && "connect_cpu" in a && !("delivered" in a)'
    bench 0 --idle 20 -p 1 -s 1 -n 100
    figures 'a.connections === 20 && a.delivered === 100'
    bench 0 --storm 200 --at-once 20
    figures 'a.connections === 200 && a.connect_rate > 0 && a.connect_p50 <= a.connect_p99'
    bench 0 --retained 500 -s 2 --watch "$child"
    figures 'a.delivered === 1000 && a.store_rate > 0 && a.feed_rate > 0'
    bench 0 --retained 300 -q 1 --keep
    run 0 "$MQW" bench "$address" "$address" --compare --rounds 2 -n 500 --json --watch "$child" --watch "$child"
    figures 'a.a.good && a.b.good && a.ratio.deliver_rate > 0 && a.a.delivered === 500'
    run 0 "$MQW" bench "$address" -n 100
    says 'every message came, once, in order and whole'
    says 'delivered a second'
    run 0 "$MQW" bench "$address" "$address" --compare --rounds 1 -n 100 --progress always
    says times
}

PATH=$PATH:/usr/sbin
if command -v mosquitto >/dev/null; then
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nuser root\n' \
            "$port" >"$scratch/mosquitto.conf"
        mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/mosquitto.$attempt.log" 2>&1 &
        child=$!
        children="$children $child"
        await_text "$scratch/mosquitto.$attempt.log" running
        kill -0 "$child" 2>/dev/null && break
    done
    address=127.0.0.1:$port
    all_loads
    stop "$child"
    check # sessions were ended
    grep -qE ' as [a-z0-5]*-s-4 \(p2, c1' "$scratch/mosquitto.$attempt.log" || fail 'a session was left behind'
else
    echo 'no mosquitto here'
fi

serve ours mqtt://127.0.0.1:0 ws://127.0.0.1:0 "unix:$scratch/broker.socket"
address=$(address ours mqtt)
all_loads
for address in "$(address ours ws)" "unix:$scratch/broker.socket"; do
    bench 0 -q 1 -n 1000 -p 2 -s 2
    bench 0 -n 10 -l 200000 --verify-all
done
address=$(address ours mqtt)
"$MQW" bench "$address" -d 20 --json >"$scratch/interrupted" 2>"$err" &
load=$!
children="$children $load"
logged ours 'connected client=[a-z0-5]*-p-0 '
kill -INT "$load"
check
code=0
wait "$load" || code=$?
[ "$code" -eq 4 ] || fail "interrupted: $code"
ends 0 "$child" TERM

# --- the command line ----------------------------------------------------------------------------------------

run 2 "$MQW" bench
error_says 'one address'
run 2 "$MQW" bench --compare localhost
error_says 'two addresses'
run 2 "$MQW" bench localhost --size 15
error_says 'a number from 16 to'
run 2 "$MQW" bench localhost --topic 'a/+' -n 1
error_says 'not a topic name'
run 2 "$MQW" bench localhost --topic fixed -t 2 -n 1
error_says '%n'
run 2 "$MQW" bench localhost --filter other -n 1
error_says 'does not match'
run 2 "$MQW" bench localhost --watch me
error_says 'number of a process'
run 2 "$MQW" bench localhost --storm 5 --retained 5
run 2 "$MQW" bench localhost --tls mqtt://localhost
run 3 "$MQW" bench "unix:$scratch/nobody" -n 1
error_says 'no such file'
finish
