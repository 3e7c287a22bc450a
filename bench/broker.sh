#!/bin/sh
# SPDX-License-Identifier: MIT
# Our broker next to mosquitto, and to a bare relay that parses each header and forwards whole reads: the broker on
# one processor, the load (mqw bench, which verifies each message) on another. Runs take turns; the medians count.
#
# broker.sh [ROW...]: rows whose name has one of these words; all without. ROUNDS, SECONDS_EACH (of a run),
# VERSION (of MQTT), BROKER_CORE and LOAD_CORE may be set. Ratios are to mosquitto in the same round, or to a fixed number where there is none.
set -eu
cd "$(dirname "$0")/.."
BUILD_DIR=${BUILD_DIR:-build/release}
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-1.5} VERSION=${VERSION:-311}
BROKER_CORE=${BROKER_CORE:-0} LOAD_CORE=${LOAD_CORE:-1}
mqw=$BUILD_DIR/mqw
scratch=$(mktemp -d)
child='' # the broker that runs
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || :
    wait
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
# shellcheck disable=SC3045 # of every shell that is sh somewhere
ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
hash mosquitto 2>/dev/null || PATH=$PATH:/usr/sbin

# --- brokers ---

# mosquitto at its best: nothing bounded, nothing written, and Nagle's algorithm on, which is its default and twice as
# fast for small messages.
write_config() { # PORT
    cat >"$scratch/config" <<CONF
listener $1 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
log_type error
CONF
}

free_port() {
    "$BUILD_DIR/bench/bench_relay" --free
}

# start NAME: sets $child and $address.
start() {
    : >"$scratch/said"
    case $1 in
    mosquitto)
        address=$(free_port) port=${address#*:}
        write_config "$port"
        taskset -c "$BROKER_CORE" mosquitto -c "$scratch/config" >"$scratch/log" 2>&1 &
        child=$!
        ;;
    ours)
        taskset -c "$BROKER_CORE" "$BUILD_DIR/bench/bench_server" 127.0.0.1:0 >"$scratch/said" 2>"$scratch/log" &
        child=$!
        ;;
    stored)
        taskset -c "$BROKER_CORE" "$BUILD_DIR/bench/bench_server" 127.0.0.1:0 "$scratch/store.$$" \
            >"$scratch/said" 2>"$scratch/log" &
        child=$!
        ;;
    relay)
        taskset -c "$BROKER_CORE" "$BUILD_DIR/bench/bench_relay" >"$scratch/said" 2>&1 &
        child=$!
        ;;
    esac
    tries=0
    while [ "$1" != mosquitto ] && [ ! -s "$scratch/said" ] && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
    [ "$1" = mosquitto ] || address=$(sed -n 1p "$scratch/said")
    tries=0
    until "$mqw" bench "$address" -V "$VERSION" --storm 1 >/dev/null 2>&1 || [ $tries -ge 50 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
}

stop() {
    kill "$child" 2>/dev/null || :
    wait "$child" 2>/dev/null || :
    child=
    rm -f "$scratch/store.$$"*
}

# --- figures ---

# field NAME FILE: of JSON that is flat.
field() {
    sed -nE "s/.*\"$1\":(-?[0-9.eE+-]+).*/\\1/p" "$2"
}

# run BROKER ARGUMENT...: one run; its JSON goes to $scratch/json.
run() {
    who=$1
    shift
    start "$who"
    timeout 60 taskset -c "$LOAD_CORE" "$mqw" bench "$address" -V "$VERSION" --json --watch "$child" --warmup 0.3 \
        -d "$SECONDS_EACH" --settle 1 "$@" >"$scratch/json" 2>"$scratch/error" || {
        echo "  $who: $(cat "$scratch/error") $(cut -c 1-400 "$scratch/json")" >>"$scratch/trouble"
    }
    stop
}

# The median of numbers, one a line.
median() {
    sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# A number in few letters.
short() {
    awk -v v="$1" -v unit="$2" 'BEGIN {
        if (v == "") { print "-"; exit }
        if (unit == "us") { printf "%.1f us\n", v * 1e6; exit }
        if (unit == "GB") { printf "%.2f GB/s\n", v / 1e9; exit }
        if (unit == "B") { printf "%.0f B\n", v; exit }
        if (unit == "s") { printf "%.2f s\n", v; exit }
        if (v >= 1e6) printf "%.2f M\n", v / 1e6; else if (v >= 1e4) printf "%.0f k\n", v / 1e3; else printf "%.0f\n", v }'
}

# column SIDE FIGURE: its figures, a round a line.
column() {
    cat "$scratch/$1.$2" 2>/dev/null || :
}

# ratios FIGURE: ours to mosquitto's, round by round.
ratios() {
    [ -s "$scratch/mosquitto.$1" ] && [ -s "$scratch/ours.$1" ] || return 0
    paste "$scratch/mosquitto.$1" "$scratch/ours.$1" | awk 'NF == 2 && $1 > 0 { print $2 / $1 }'
}

# line NAME FIGURE UNIT TARGET SENSE: a row of the table. SENSE: `more` or `less` than so many times
# mosquitto's figure, or `at` least or `below` a fixed one.
line() {
    name=$1 figure=$2 unit=$3 target=$4 sense=$5
    ours=$(column ours "$figure" | median)
    ratio=$(ratios "$figure" | median)
    case $sense in at | below) ratio=$ours ;; esac
    verdict=$(awk -v r="${ratio:-0}" -v t="$target" -v s="$sense" \
        'BEGIN { print s ~ "less|below" ? (r <= t && r != 0 ? "yes" : "NO") : (r >= t ? "yes" : "NO") }')
    case $sense in at | below) ratio= ;; esac
    # what a broker does in a second of its own time: comparable on a machine that has other things to do
    each=
    if [ "$figure" = deliver_rate ]; then
        each=$(ratios broker_cost | median | awk '{ if ($1 > 0) printf "%.1f", 1 / $1 }')
    fi
    printf '%-34s %11s %11s %11s %7s %7s %7s  %-3s  %s %s %s\n' "$name" \
        "$(short "$(column mosquitto "$figure" | median)" "$unit")" "$(short "$ours" "$unit")" \
        "$(short "$(column relay "$figure" | median)" "$unit")" \
        "$(awk -v r="$ratio" 'BEGIN { if (r != "") printf "%.2f", r }')" "$each" "$target" "$verdict" \
        "$(loads mosquitto)" "$(loads ours)" "$(loads relay)"
}

# loads SIDE: processor time of broker and load, in percent of a processor.
loads() {
    [ ! -s "$scratch/$1.broker_load" ] || printf '%.0f/%.0f' "$(column "$1" broker_load | median)" \
        "$(column "$1" own_load | median)"
}

# measure SIDES ARGUMENT...: all rounds.
measure() {
    sides=$1
    shift
    rm -f "$scratch"/mosquitto.* "$scratch"/ours.* "$scratch"/relay.*
    round=0
    while [ $round -lt "$ROUNDS" ]; do
        round=$((round + 1))
        for side in $sides; do
            run "$side" "$@"
            [ "$side" != stored ] || side=ours
            for figure in deliver_rate payload_rate broker_cost broker_load own_load connect_bytes connect_cpu \
                connect_rate store_rate store_bytes feed_rate latency_p50 latency_p99; do
                value=$(field "$figure" "$scratch/json")
                [ -z "$value" ] || echo "$value" >>"$scratch/$side.$figure"
            done
        done
    done
}

# wanted NAME: whether the row was asked for.
words=$(printf '%s\n' "$@")
wanted() {
    [ -z "$words" ] || printf '%s\n' "$words" | {
        while IFS= read -r word; do
            case $1 in *"$word"*) exit 0 ;; esac
        done
        exit 1
    }
}

all="mosquitto ours relay" two="mosquitto ours"

# rate NAME TARGET SIDES ARGUMENT...
rate() {
    name=$1 target=$2 sides=$3
    shift 3
    wanted "$name" || return 0
    measure "$sides" "$@"
    line "$name" deliver_rate '' "$target" more
    [ "$name" != '1 to 1, QoS 0' ] || line '  CPU seconds for a million' broker_cost s 0.25 below
}
bytes() {
    name=$1 target=$2
    shift 2
    wanted "$name" || return 0
    measure "$all" "$@"
    line "$name" payload_rate GB "$target" more
}

printf '%-34s %11s %11s %11s %7s %7s %7s  %-3s  %s\n' '' mosquitto ours limit times by\ CPU target '' \
    '% broker/load, of each'
rate '1 to 1, QoS 0' 25 "$all"
rate '1 to 1, QoS 1' 18 "$two" -q 1
rate '1 to 1, QoS 2' 18 "$two" -q 2
rate '10 to 10, QoS 0' 25 "$all" -p 10 -s 10
rate '10 to 10, QoS 1' 28 "$two" -p 10 -s 10 -q 1
rate 'fan-out 1 to 100, QoS 0' 45 "$all" -s 100
rate 'fan-in 50 to 1, QoS 0' 25 "$all" -p 50
rate '100,000 + subscriptions, QoS 0' 15 "$two" -t 100000 --filter 'bench/+/%n'
bytes '16 KiB, 1 to 1' 1.5 -l 16384
bytes '1 MiB, 1 to 1' 1.8 -l 1048576
if wanted 'idle connection'; then
    measure "$two" --idle 10000
    line 'idle connection' connect_bytes B 1 less
    line '  CPU for accepting it' connect_cpu us 0.7 less
    measure "$two" --idle 10000 --idle-subscribe
    line 'idle connection, subscribed' connect_bytes B 0.84 less
fi
if wanted 'retained'; then
    measure "$two" --retained 100000
    line 'retained, stored a second' store_rate '' 5 more
    line '  bytes each' store_bytes B 1 less
    line '  given to # a second' feed_rate '' 5 more
fi
if wanted 'storm'; then
    measure "$two" --storm 10000
    line 'connect storm, a second' connect_rate '' 1 more
fi
if wanted 'latency'; then
    measure "$all" -r 1000
    line 'latency at 1,000/s, p50' latency_p50 us 1 less
    line '  p99' latency_p99 us 1 less
fi
if wanted 'SQLite'; then
    measure stored -p 50 -s 50 -q 1 --persistent
    line 'SQLite, QoS 1, 50 to 50' deliver_rate '' 100000 at
fi
[ ! -s "$scratch/trouble" ] || {
    echo 'runs in which something was wrong:'
    sort "$scratch/trouble" | uniq -c | cut -c 1-600
}
