#!/bin/sh
# SPDX-License-Identifier: MIT
# The ordinary use of mosquitto_pub, mosquitto_sub and mosquitto_rr in each version, over TCP, TLS and a Unix socket, with
# `mqw serve` and, side by side, with mosquitto: both brokers have to give the same lines.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2046,SC2086,SC2154,SC2317 # names are made; options are words
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program mosquitto mosquitto_pub mosquitto_sub mosquitto_rr openssl node stdbuf
certificate

# --- two brokers ----------------------------------------------------------------------------------------------

printf '[tls]\ncertificate = %s\nkey = %s\nca_file = %s\nclient_certificates = optional\n' \
    "$scratch/cert.pem" "$scratch/key.pem" "$scratch/cert.pem" >"$scratch/serve.conf"
serve ours --config "$scratch/serve.conf" mqtt://127.0.0.1:0 mqtts://127.0.0.1:0 "unix:$scratch/ours.socket"
ours=$child ours_plain=$(port ours '(mqtt|tcp):') ours_secure=$(port ours mqtts:)

for attempt in 1 2 3 4 5; do
    theirs_plain=$(free_port) theirs_secure=$(free_port)
    cat >"$scratch/mosquitto.conf" <<CONF
allow_anonymous true
persistence false
user root
listener $theirs_plain 127.0.0.1
listener 0 $scratch/theirs.socket
listener $theirs_secure 127.0.0.1
certfile $scratch/cert.pem
keyfile $scratch/key.pem
cafile $scratch/cert.pem
CONF
    mosquitto -c "$scratch/mosquitto.conf" >"$scratch/theirs.log" 2>&1 &
    theirs=$!
    children="$children $theirs"
    await_listener "$theirs_plain" && await_listener "$theirs_secure" && kill -0 $theirs && break
    wait $theirs
    [ "$attempt" -lt 5 ] || { fail "mosquitto does not start"; sed 's/^/    mosquitto: /' "$scratch/theirs.log"; finish; }
done

# --- asking ---------------------------------------------------------------------------------------------------

# A case runs in a shell of its own for each broker: $who is `ours` or `theirs`, $door how the tools get there, $v the
# version; what it prints is compared.

# hears NAME OPTIONS...: mosquitto_sub in the background, subscribed when this returns.
hears() {
    name=$1
    shift
    mkfifo "$room/$name.pipe"
    stdbuf -oL mosquitto_sub $door -V "$v" -d -W 20 "$@" >"$room/$name.pipe" 2>&1 &
    echo $! >"$room/$name.pid"
    exec 3<"$room/$name.pipe"
    while IFS= read -r line <&3; do
        case $line in
        Subscribed*) break ;;
        esac
        echo "$line" >>"$room/$name.heard"
    done
    cat <&3 >>"$room/$name.heard" &
    echo $! >"$room/$name.reader"
    exec 3<&-
}

# heard NAME: what it heard when it has ended, and how it ended.
heard() {
    wait "$(cat "$room/$1.pid")"
    code=$?
    wait "$(cat "$room/$1.reader")"
    grep '^> ' "$room/$1.heard" | sed "s/^/$1 /"
    echo "$1 ends with $code"
}

# A PUBLISH of QoS 0 may be read after one of another client: what has to come first is sent by the same client, or with
# an acknowledgement.
say() { # OPTIONS...
    timeout 20 mosquitto_pub $door -V "$v" "$@" 2>&1 || echo "mosquitto_pub ends with $?"
}
sub() { # OPTIONS...: in the foreground
    timeout 20 mosquitto_sub $door -V "$v" -W 10 "$@" 2>&1 || echo "mosquitto_sub ends with $?"
}
format='> %t|%p|%q|%r'

door_of() { # BROKER WAY
    eval "plain=\$$1_plain secure=\$$1_secure"
    case $2 in
    tcp) echo "-h 127.0.0.1 -p $plain" ;;
    tls) echo "-h localhost -p $secure --cafile $scratch/cert.pem" ;;
    cert) echo "-h localhost -p $secure --cafile $scratch/cert.pem --cert $scratch/cert.pem --key $scratch/key.pem" ;;
    unix) echo "--unix $scratch/$1.socket" ;;
    esac
}

# ask CASE WAY VERSION: of both brokers; they have to say the same, and something.
ask() {
    for who in ours theirs; do
        room=$scratch/$1.$2.$3.$who
        mkdir "$room"
        (
            door=$(door_of "$who" "$2") v=$3
            "$1"
        ) >"$room/said" 2>"$room/shell" &
        eval "asked_$who=\$!"
    done
    wait "$asked_ours"
    wait "$asked_theirs"
    check
    cp "$scratch/$1.$2.$3.ours/said" "$out"
    diff "$scratch/$1.$2.$3.theirs/said" "$out" >"$err" || fail "$1 over $2 in $3: the brokers differ (< theirs, > ours)"
    wanted=$(eval "echo \${${1}_lines}")
    check
    [ "$(grep -c '> ' "$out")" -eq "$wanted" ] || fail "$1 over $2 in $3: not $wanted lines"
}

# --- the cases ------------------------------------------------------------------------------------------------

# Every QoS published, every QoS subscribed; all ways of mosquitto_pub to say what.
ordinary_lines=36
ordinary() {
    for qos in 0 1 2; do
        hears "q$qos" -q "$qos" -t "o/#" -C 12 -F "$format"
    done
    for qos in 0 1 2; do
        say -q "$qos" -t "o/é" -m "message $qos"
    done
    say -q 1 -t o/null -n
    printf 'one\ntwo\nthree\n' | say -q 2 -t o/lines -l
    printf 'all of it' | say -q 1 -t o/input -s
    printf 'file' >"$room/file"
    say -q 1 -t o/file -f "$room/file"
    say -q 1 -t o/repeat -m again --repeat 3
    heard q0
    heard q1
    heard q2 >"$room/q2" # QoS 1 and 2 may overtake each other
    sort -s -t '|' -k 1,1 "$room/q2"
}

# v4:MQTT-3.3.1-5, v4:MQTT-3.3.1-7, v4:MQTT-3.3.1-10, v5:MQTT-3.3.1-5, v5:MQTT-3.3.1-7, v5:MQTT-3.3.1-8
retained_lines=8
retained() {
    say -q 1 -r -t r/a -m old
    say -q 2 -r -t r/a -m new
    say -q 1 -t r/a -m passing
    say -q 1 -r -t r/b -m b
    say -q 1 -r -t r/c -m gone
    say -q 1 -r -t r/c -n
    sub -q 1 -t 'r/#' -C 2 -F "$format" | sort
    sub -q 2 -t 'r/+' --retained-only -C 2 -F "$format" | sort
    hears stale -R -q 1 -t 'r/#' -C 1 -F "$format"
    say -q 1 -t r/a -m fresh
    heard stale
    # (mosquitto_sub 2.0.11 removes, but does not end then)
    hears watch -R -q 1 -t 'r/+' -C 2 -F "$format"
    hears cleaner -q 1 -t r/a -t r/b --remove-retained
    heard watch >"$room/removed"
    sort "$room/removed"
    kill "$(cat "$room/cleaner.pid")"
    hears after -q 1 -t 'r/#' -C 1 -F "$format"
    say -q 1 -t r/end -m end
    heard after
}

# v4:MQTT-3.1.2-5, v4:MQTT-3.2.2-2, v5:MQTT-3.1.2-23: -c keeps the session, with what was said meanwhile
session_lines=13
session() {
    if [ "$v" = 5 ]; then keep='-c -x 60'; else keep='-c'; fi
    sub $keep -i "sleeper-$v" -q 1 -t 's/#' -E
    for number in 1 2 3 4 5; do
        say -q 1 -t "s/$number" -m "$number"
        say -q 2 -t "s/$number" -m "twice $number"
    done
    say -q 0 -r -t s/zero -m 'not kept for a session that is away'
    say -q 0 -r -t s/zero -n
    sub $keep -i "sleeper-$v" -q 1 -t 's/#' -C 10 -F "$format" | grep -v zero
    # without -c all is forgotten
    sub -i "sleeper-$v" -q 1 -t 'nothing' -E
    say -q 1 -t s/1 -m lost
    hears new $keep -i "sleeper-$v" -q 1 -t 's/#' -C 2 -F "$format"
    say -q 1 -t s/2 -m found
    say -q 1 -t s/3 -m found
    heard new
    say -q 1 -t s/4 -m meanwhile
    sub $keep -i "sleeper-$v" -q 1 -t 's/4' -C 1 -F "$format"
    sub -i "sleeper-$v" -q 1 -t 'nothing' -E
}

# v4:MQTT-3.1.2-8, v4:MQTT-3.1.2-16, v4:MQTT-3.1.2-17, v5:MQTT-3.1.2-14, v5:MQTT-3.1.2-15: who is killed has a will, who
# says goodbye has none
will_lines=3
will() {
    hears heir -q 2 -t 'w/#' -C 2 -F "$format"
    say -t other -m x --will-topic w/polite --will-payload never --will-qos 1
    for retain in '' --will-retain; do
        hears "mortal$retain" -t nothing --will-topic "w/gone$retain" --will-payload "it's gone" --will-qos 2 $retain
        kill -9 "$(cat "$room/mortal$retain.pid")"
        wait "$(cat "$room/mortal$retain.pid")"
    done
    heard heir >"$room/wills" # each of them died by itself
    sort "$room/wills"
    sub -q 1 -t 'w/gone--will-retain' -C 1 -F "$format"
    say -q 1 -r -n -t 'w/gone--will-retain'
}

# Several filters, one taken back, one not wanted here; -v, -N
filters_lines=4
filters() {
    hears many -q 1 -t 'f/+/x' -t 'g/#' -U 'f/+/x' -T g/quiet -C 2 -F "$format"
    hears plus -q 2 -t '+/+/x' -t 'g' -C 2 -F "$format"
    say -q 1 -t f/1/x -m x
    say -q 1 -t g/quiet -m quiet
    say -q 1 -t g -m g
    say -q 1 -t 'g/1/2 3' -m spaces
    heard many
    heard plus
    hears verbose -v -N -q 1 -t 'v/#' -C 1
    say -q 1 -t v/1 -m verbose
    heard verbose
}

# 300 KB at each QoS: nothing is lost on the way
large_lines=4
large() {
    head -c 300000 /dev/zero | tr '\0' 'x' >"$room/large"
    hears reader -q 2 -t 'large/#' -C 3 -F "$format"
    for qos in 0 1 2; do
        say -q "$qos" -r -t "large/$qos" -f "$room/large"
    done
    heard reader >"$room/got"
    sub -q 1 -t large/2 -C 1 -F "$format" >>"$room/got"
    awk -F'|' 'NF > 1 { count = gsub(/x/, "", $2); print $1, count, length($2), $3, $4; next } { print }' "$room/got"
    for qos in 0 1 2; do
        say -q 1 -r -n -t "large/$qos"
    done
}

# mosquitto_rr asks; mosquitto_sub and mosquitto_pub answer. The response topic of 3.x is agreed upon.
request_lines=1
request() {
    if [ "$v" = 5 ]; then with='%R %D'; else with='rr/answer -'; fi
    hears service -q 1 -t rr/double -C 1 -F "> %p $with"
    timeout 20 mosquitto_rr $door -V "$v" -W 10 -q 1 -t rr/double -e rr/answer -m 21 -F '%t|%p|%q|%r' \
        $([ "$v" != 5 ] || echo -D publish correlation-data seven) >"$room/answer" 2>&1 &
    asker=$!
    heard service
    say -q 1 -t rr/answer -m 42 $([ "$v" != 5 ] || echo -D publish correlation-data seven)
    wait $asker
    cat "$room/answer"
}

# $SYS is there, and no wildcard finds it by chance (v4:MQTT-4.7.2-1, v5:MQTT-4.7.2-1)
status_lines=2
status() {
    sub -t '$SYS/broker/version' -C 1 -F '> %t|%r'
    hears all -t '#' -C 1 -F "$format"
    say -t any -m thing
    heard all
}

# --- of 5.0 only ----------------------------------------------------------------------------------------------

# v5:MQTT-3.3.2-4, v5:MQTT-3.3.2-15, v5:MQTT-3.3.2-16, v5:MQTT-3.3.2-17, v5:MQTT-3.3.2-18, v5:MQTT-3.3.2-20
properties_lines=2
properties() {
    hears reader -q 1 -t p/x -C 1 -D subscribe subscription-identifier 129 -D subscribe user-property of subscribe \
        -F '> %t|%p|%C|%R|%D|%P|%F|%S'
    say -q 1 -r -t p/x -m payload -D publish content-type text/plain -D publish response-topic re/ply \
        -D publish correlation-data corr -D publish user-property k v -D publish user-property a w \
        -D publish user-property k w -D publish payload-format-indicator 1 -D publish message-expiry-interval 900
    heard reader
    sub -q 1 -t p/x -C 1 -F '> %t|%p|%C|%R|%D|%P|%F|%S'
    say -q 1 -r -t p/x -n
}

# Both members get some; together all, once.
shared_lines=20
shared() {
    for member in one two; do
        hears $member -q 1 -t '$share/group/sh/t' -C 10 -F '> %p'
    done
    seq 10 29 | say -q 1 -t sh/t -l
    for member in one two; do
        heard $member
    done >"$room/members"
    sed 's/^[a-z]* > /> /' "$room/members" | sort
}

# v5:MQTT-3.3.1-12, v5:MQTT-3.3.1-13
handling_lines=4
handling() {
    say -q 1 -r -t h/a -m kept
    for option in '' --retain-as-published; do
        hears "as$option" -q 1 -t 'h/#' $option -C 2 -F "$format"
    done
    say -q 1 -r -t h/a -m live
    heard as
    heard as--retain-as-published
    say -q 1 -r -t h/a -n
}

# Receive maximum, maximum packet size, aliases: what is too large does not come (v5:MQTT-3.1.2-25), all else does.
bounds_lines=14
bounds() {
    hears narrow -q 2 -t 'b/#' -C 7 -D connect receive-maximum 1 -F "$format"
    hears small -q 2 -t 'b/#' -C 7 -D connect maximum-packet-size 100 -D connect topic-alias-maximum 0 -F "$format"
    hears probe -q 1 -t 'b/#' -C 8 -D connect maximum-packet-size 100000 -N
    for qos in 0 1 2; do
        say -q "$qos" -t "b/$qos" -m "message $qos"
    done
    seq 1 4 | say -q 1 -t b/alias -l -D publish topic-alias 3
    heard narrow
    say -q 1 -t b/large -m "$(seq 1 100)"
    heard probe >"$room/probe"
    heard small
}

# v5:MQTT-3.1.3-10: a will's properties and delay. (When the session ends before the delay is over the will is due, but
# mosquitto 2.0.11 waits on: so that is not asked here.)
will5_lines=1
will5() {
    hears heir -q 2 -t 'w5/#' -C 1 -F "$format|%C|%P"
    hears mortal -t nothing -x 60 -c -i "mortal" --will-topic w5/props --will-payload gone --will-qos 1 \
        -D will content-type c -D will user-property b 1 -D will user-property a 2 -D will will-delay-interval 1
    kill -9 "$(cat "$room/mortal.pid")"
    heard heir
    sub -i mortal -t nothing -E
}

# --- all of them ----------------------------------------------------------------------------------------------

cases='ordinary retained session will filters large request status'
for version in 31 311 5; do
    for case in $cases; do
        ask "$case" tcp $version
    done
done
for case in properties shared handling bounds will5; do
    ask "$case" tcp 5
done
for way in tls unix; do
    for version in 31 311 5; do
        ask ordinary $way $version
    done
    ask session $way 311
    ask properties $way 5
    ask large $way 5
done
ask session cert 5
ask large cert 5

# TLS that cannot be trusted, and plain bytes where TLS is spoken: neither broker lets it in
for version in 31 311 5; do
    run 0 mosquitto_pub -h 127.0.0.1 -p "$ours_secure" --cafile "$scratch/cert.pem" -V $version -t a -m b
    run 0 mosquitto_pub -h 127.0.0.1 -p "$ours_secure" --cafile "$scratch/cert.pem" --insecure -V $version -t a -m b
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=stranger" \
    -keyout "$scratch/other.key" -out "$scratch/other.pem" 2>"$err"
for port in "$ours_secure" "$theirs_secure"; do
    check
    timeout 20 mosquitto_pub -h localhost -p "$port" --cafile "$scratch/other.pem" -t a -m b >"$out" 2>&1 &&
        fail "a broker with another certificate was trusted"
    check
    timeout 20 mosquitto_pub -h localhost -p "$port" -t a -m b >"$out" 2>&1 && fail "plain bytes were taken for TLS"
done
check
timeout 20 mosquitto_pub -h localhost -p "$ours_secure" --cafile "$scratch/cert.pem" --cert "$scratch/other.pem" \
    --key "$scratch/other.key" -q 1 -t a -m b >"$out" 2>&1 && fail "a client with a strange certificate was let in"

ends 0 "$ours" TERM
not_logged ours ' error '
stop "$theirs"
finish
