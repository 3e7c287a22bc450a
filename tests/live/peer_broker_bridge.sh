#!/bin/sh
# SPDX-License-Identifier: MIT
# mosquitto as a bridge to our broker, in 3.1, 3.1.1 and 5.0: `topic #` both ways. It says that it is a bridge (the
# highest bit of the protocol version in 3.x), so it does not get back what it brings, and retained messages stay such.
# shellcheck disable=SC2016,SC2034 # $SYS is of MQTT; names are made
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program mosquitto mosquitto_pub mosquitto_sub node stdbuf

serve ours mqtt://127.0.0.1:0
ours=$child here=$(port ours '(mqtt|tcp):')

# bridge VERSION: mosquitto at $there, with a bridge to our broker that is up when this returns; its process is $mosquitto.
bridge() {
    for attempt in 1 2 3 4 5; do
        there=$(free_port)
        cat >"$scratch/bridge.conf" <<CONF
allow_anonymous true
persistence false
user root
log_type all
listener $there 127.0.0.1
connection to-ours
address 127.0.0.1:$here
bridge_protocol_version $1
remote_clientid bridge-$1
topic # both 2
restart_timeout 1
CONF
        stdbuf -oL -eL mosquitto -c "$scratch/bridge.conf" >"$scratch/bridge.$1.log" 2>&1 &
        mosquitto=$!
        children="$children $mosquitto"
        await_listener "$there" && kill -0 $mosquitto && break
        wait $mosquitto
        [ "$attempt" -lt 5 ] || { fail "mosquitto does not start"; cat "$scratch/bridge.$1.log"; finish; }
    done
    logged ours "connected client=bridge-$1 "
    await_text "$scratch/bridge.$1.log" 'Received SUBACK'
    [ ! -s "$scratch/failures" ] || { cat "$scratch/ours.log" "$scratch/bridge.$1.log"; finish; }
}

# hears NAME PORT OPTIONS...: mosquitto_sub in the background, subscribed when this returns.
hears() {
    name=$1 port=$2
    shift 2
    stdbuf -oL mosquitto_sub -h 127.0.0.1 -p "$port" -d -W 20 -q 2 -F '> %t|%p|%q|%r' "$@" >"$scratch/$name" 2>&1 &
    reader=$!
    children="$children $reader"
    await_text "$scratch/$name" 'Subscribed (mid'
}
heard() { # NAME PID
    check
    wait "$2" || fail "$1 ends with $?"
    grep '^> ' "$scratch/$1" >"$out"
}
say() { # PORT OPTIONS...
    at=$1
    shift
    run 0 mosquitto_pub -h 127.0.0.1 -p "$at" "$@"
}

for version in mqttv31 mqttv311 mqttv50; do
    topic=t/$version
    say "$here" -q 1 -r -t "$topic/before" -m 'retained before there was a bridge'
    bridge $version

    # There and back: each message once at either end, though everything matches both ways; the end comes last.
    hears over.$version "$there" -t "$topic/#" -C 9
    over=$reader
    hears home.$version "$here" -t "$topic/#" -C 9
    home=$reader
    for qos in 0 1 2; do
        say "$here" -q $qos -t "$topic/out" -m "out $qos"
        await_text "$scratch/over.$version" "out $qos"
        say "$there" -q $qos -t "$topic/in" -m "in $qos"
        await_text "$scratch/home.$version" "in $qos"
    done
    say "$there" -q 2 -r -t "$topic/kept" -m 'kept there'
    await_text "$scratch/home.$version" 'kept there'
    say "$here" -q 2 -t "$topic/out" -m end
    cat >"$scratch/expected" <<LINES
> $topic/before|retained before there was a bridge|1|1
> $topic/in|in 0|0|0
> $topic/in|in 1|1|0
> $topic/in|in 2|2|0
> $topic/kept|kept there|2|0
> $topic/out|end|2|0
> $topic/out|out 0|0|0
> $topic/out|out 1|1|0
> $topic/out|out 2|2|0
LINES
    for end in over home; do
        eval "heard $end.$version \$$end"
        sort "$out" >"$scratch/sorted"
        check
        diff "$scratch/expected" "$scratch/sorted" >"$err" || fail "$end in $version: < wanted, > heard"
    done

    # what was retained there is retained here
    run 0 mosquitto_sub -h 127.0.0.1 -p "$here" -q 1 -t "$topic/kept" -C 1 -W 10 -F '%p %r'
    says 'kept there 1'

    # how the bridge is, it tells itself, and it has a will for that
    run 0 mosquitto_sub -h 127.0.0.1 -p "$here" -t '$SYS/broker/connection/+/state' -C 1 -W 10
    says 1

    # who comes late hears what comes over
    hears after.$version "$here" -t "$topic/late" -C 1
    say "$there" -q 1 -t "$topic/late" -m "later"
    heard after.$version "$reader"
    says "$topic/late|later"
    stop "$mosquitto"
    logged ours "disconnected client=bridge-$version "
done

ends 0 "$ours" TERM
not_logged ours ' error '
finish
