#!/bin/sh
# SPDX-License-Identifier: MIT
# As a server for mosquitto_pub and mosquitto_sub: each version, QoS 0 to 2, retained, wills, properties, over
# TCP and a Unix socket (v4:MQTT-7.1.1-1, v5:MQTT-4.2.0-1).
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_program mosquitto_pub mosquitto_sub node

# Each subscriber writes what it hears to a file; -W ends it when nothing comes.
subscribe() { # NAME OPTIONS...
    name=$1
    shift
    mosquitto_sub "$@" -W 20 -F '%t|%p|%q|%r' >"$scratch/$name.heard" 2>"$scratch/$name.err" &
    subscriber=$!
    children="$children $subscriber"
}

# heard NAME TEXT: the subscriber that was started last has ended by itself, and heard exactly that.
heard() {
    checks=$((checks + 1))
    wait "$subscriber" || fail "$1: mosquitto_sub ends with $?: $(cat "$scratch/$1.err")"
    [ "$(cat "$scratch/$1.heard")" = "$2" ] || fail "$1 heard $(cat "$scratch/$1.heard"), not $2"
}

publish() { # OPTIONS...
    run 0 mosquitto_pub "$@"
}

# What the server says of it.
says_in_log() { # TEXT
    grep -qF -e "$1" "$log" || await_text "$log" "$1" # a client of QoS 0 is gone before the server has read
}

trial() { # NAME VERSION QOS ENDPOINT-OPTIONS...
    at=t/$1/$2/$3 version=$2 qos=$3
    shift 3
    subscribe "$(echo "$at" | tr / -)" -V "$version" "$@" -t "$at/#" -q 2 -C 3
    await_text "$log" "filter=\"$at/#\""
    publish -V "$version" "$@" -q "$qos" -t "$at/é" -m first
    publish -V "$version" "$@" -q "$qos" -t "$at/empty" -n
    publish -V "$version" "$@" -q "$qos" -t "$at/kept" -m last -r
    heard "$(echo "$at" | tr / -)" "$at/é|first|$qos|0
$at/empty||$qos|0
$at/kept|last|$qos|0"
    says_in_log "PUBLISH topic=\"$at/kept\" payload=\"last\""
}

start server "$MQW" listen --answer --echo --full tcp://127.0.0.1:0
log=$scratch/server.log server=$child port=${address##*:}

for version in mqttv31 mqttv311 mqttv5; do
    for qos in 0 1 2; do
        trial tcp "$version" "$qos" -h 127.0.0.1 -p "$port"
    done
done

# --- subscriptions: the lower QoS, wildcards, several filters, UNSUBSCRIBE -------------------------------------------

for version in mqttv31 mqttv311 mqttv5; do
    subscribe "lower-$version" -V "$version" -h 127.0.0.1 -p "$port" -t "l/$version/+/x" -t "other/#" -U "never/$version" -q 1 -C 2
    await_text "$log" "filter=\"never/$version\""
    publish -V "$version" -h 127.0.0.1 -p "$port" -q 2 -t "l/$version/any/x" -m two
    publish -V "$version" -h 127.0.0.1 -p "$port" -q 2 -t "l/$version/any/y" -m "not for it"
    publish -V "$version" -h 127.0.0.1 -p "$port" -q 0 -t "l/$version//x" -m zero
    heard "lower-$version" "l/$version/any/x|two|1|0
l/$version//x|zero|0|0"
done

# --- wills and credentials: what CONNECT brings is what was said ------------------------------------------------------

for version in mqttv31 mqttv311 mqttv5; do
    publish -V "$version" -h 127.0.0.1 -p "$port" -i "will-$version" -u "user-$version" -P 'pass"word' -k 77 \
        -t "w/$version" -m x --will-topic "gone/$version" --will-payload "gone for good" --will-qos 2 --will-retain
    says_in_log "client_id=\"will-$version\" keep_alive=77 clean_start will.topic=\"gone/$version\" will.payload=\"gone for good\" will.qos=2 will.retain username=\"user-$version\" password=\"pass\\\"word\""
done

# --- a payload that arrives in many pieces -------------------------------------------------------------------------------

node -e 'process.stdout.write("x".repeat(500000))' >"$scratch/large"
for qos in 0 1 2; do
    mosquitto_sub -V mqttv5 -h 127.0.0.1 -p "$port" -t "large/$qos" -q 2 -C 1 -N -W 20 >"$scratch/large.$qos" 2>"$scratch/large.err" &
    subscriber=$!
    children="$children $subscriber"
    await_text "$log" "filter=\"large/$qos\""
    publish -V mqttv5 -h 127.0.0.1 -p "$port" -q "$qos" -t "large/$qos" -f "$scratch/large"
    wait "$subscriber" || fail "the large one of QoS $qos: $(cat "$scratch/large.err")"
    checks=$((checks + 1))
    cmp -s "$scratch/large" "$scratch/large.$qos" || fail "the large one of QoS $qos has changed"
done

# --- properties of 5.0, both ways ------------------------------------------------------------------------------------------

mosquitto_sub -V mqttv5 -h 127.0.0.1 -p "$port" -t props/x -q 1 -C 1 -W 20 -D subscribe user-property of subscribe \
    -D subscribe subscription-identifier 129 -D connect receive-maximum 7 -x 60 \
    -F '%t|%p|%C|%R|%D|%P|%E|%F|%S' >"$scratch/props.heard" 2>"$scratch/props.err" &
subscriber=$!
children="$children $subscriber"
await_text "$log" 'filter="props/x"'
says_in_log 'filter="props/x":1 subscription_id=129 user="of":"subscribe"'
says_in_log 'session_expiry=60 receive_maximum=7'
publish -V mqttv5 -h 127.0.0.1 -p "$port" -q 1 -t props/x -m payload -D publish content-type text/plain \
    -D publish response-topic re/ply -D publish correlation-data corr -D publish user-property k v \
    -D publish user-property k w -D publish payload-format-indicator 1 -D publish message-expiry-interval 90
heard props 'props/x|payload|text/plain|re/ply|corr|k:v k:w|90|1|129'

stop "$server"

# --- over a Unix socket ----------------------------------------------------------------------------------------------------

start unix "$MQW" listen --answer --echo --full "unix:$scratch/server.socket"
log=$scratch/unix.log server=$child
trial unix mqttv311 2 --unix "$scratch/server.socket"
trial unix mqttv5 1 --unix "$scratch/server.socket"
stop "$server"
finish
