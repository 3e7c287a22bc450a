#!/bin/sh
# SPDX-License-Identifier: MIT
# A broker, a subscriber, and publishers in MQTT 3.1, 3.1.1 and 5.0; what is on the wire; a power cut between a message and
# its reader; what goes wrong, in words. $MQW is the command. Ends by itself, within a minute; good when every message came.
set -eu
mqw=${MQW:-mqw}
colour=always
[ -z "${NO_COLOR:-}" ] || colour=never

scratch=$(mktemp -d)
broker=
export XDG_CONFIG_HOME="$scratch" # nobody's habits
finish() {
    [ -z "$broker" ] || kill "$broker" 2>/dev/null || :
    wait || :
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"

paint() { # CODE TEXT
    if [ "$colour" = always ]; then
        printf '\033[%sm%s\033[0m' "$1" "$2"
    else
        printf '%s' "$2"
    fi
}
heading() {
    printf '\n%s\n' "$(paint 1 "$*")"
}

# A command as somebody would type it.
typed() {
    line=mqw
    for word; do
        case $word in
        *[!A-Za-z0-9_./:=+,@#-]* | '') line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    printf '%s %s\n' "$(paint 2 '$')" "$line"
}
types() {
    typed "$@"
    timeout 15 "$mqw" "$@"
}

# serve OPTIONS...: shows what the broker says until it is ready, without the time; the rest goes to a file.
serve() {
    typed serve "$@"
    rm -f log.pipe
    mkfifo log.pipe
    "$mqw" serve --color "$colour" "$@" 2>log.pipe </dev/null &
    broker=$!
    exec 3<log.pipe
    while read -r line <&3; do
        printf '  %s\n' "${line#* }"
        case $line in
        *listening*mqtt://*) mqtt=$(printf '%s\n' "$line" | sed -n 's/.* on=\([^ ]*\).*/\1/p') ;;
        *listening*ws://*) web=$(printf '%s\n' "$line" | sed -n 's/.* on=\([^ ]*\).*/\1/p') ;;
        *ready*) break ;;
        esac
    done
    cat <&3 >>log &
    exec 3<&-
}

# A subscriber in the background, whose output `heard` shows; it goes on when the broker has answered.
hears() {
    typed "$@"
    mkfifo debug
    timeout 15 "$mqw" "$@" --debug --color "$colour" >heard 2>debug &
    listener=$!
    exec 4<debug
    while read -r line <&4; do
        case $line in *SUBACK*) break ;; esac
    done
    cat <&4 >/dev/null &
    exec 4<&-
    rm debug
}
heard() {
    wait "$listener"
    sed 's/^/  /' heard
}

# Commands that fail on purpose: what they say, and that they do.
fails() { # CODE COMMAND...
    wanted=$1
    shift
    code=0
    types "$@" 2>&1 || code=$?
    [ "$code" -eq "$wanted" ]
}

heading "A broker, on this machine only"
serve --store house.db mqtt://127.0.0.1:0 ws://127.0.0.1:0

heading "A subscriber; publishers in MQTT 3.1, MQTT 3.1.1 and MQTT 5.0, over TCP and WebSocket, with QoS 0, 1 and 2"
hears sub -t 'house/#' -q 2 -C 4 -F '%-14t %-6p  QoS %q  %C %P' "$mqtt"
types pub -V 31 -t house/kitchen -m 21.5 "$mqtt"
types pub -V 311 -t house/hall -m 18.0 -q 1 "$mqtt"
types pub -V 5 -t house/attic -m 35.2 -q 2 -D publish content-type text/plain -D publish user-property unit C "$web"
types pub -t house/door -m open -q 1 -r "$mqtt"
echo "The subscriber has heard:"
heard

heading "The same on the wire: each packet, and who says it"
cat >script <<'SCRIPT'
C> CONNECT version=5 client_id="" clean_start keep_alive=30
S> CONNACK reason=0 assigned_client_id=*
# the door was retained, and comes at once; our own message comes back with its subscription identifier
C> SUBSCRIBE packet_id=1 filter="house/+":1 subscription_id=7
S> SUBACK packet_id=1 reasons=1
S> PUBLISH topic="house/door" payload="open" qos=1 retain packet_id=$kept
C> PUBACK packet_id=$kept
C> PUBLISH topic="house/lamp" payload="on" qos=1 packet_id=2
S> PUBLISH topic="house/lamp" payload="on" qos=1 packet_id=$echo subscription_id=7
S> PUBACK packet_id=2
C> PUBACK packet_id=$echo
C> DISCONNECT
.wait close
SCRIPT
types open --expect --unordered --notes --color "$colour" --script script "$mqtt"

heading "Nothing that was acknowledged is lost: not when the subscriber is away, nor when the broker dies"
types sub -c -i sleeper -t alarm -q 1 -E "$mqtt"
types pub -t alarm -m 'water in the cellar' -q 1 "$mqtt"
printf '%s kill -9 the broker\n' "$(paint 2 '$')"
kill -9 "$broker"
wait "$broker" 2>/dev/null || :
serve --store house.db mqtt://127.0.0.1:0
typed sub -c -i sleeper -t alarm -q 1 -C 1 "$mqtt"
timeout 15 "$mqw" sub -c -i sleeper -t alarm -q 1 -C 1 "$mqtt" >heard
sed 's/^/  /' heard
grep -q 'water in the cellar' heard

heading "What goes wrong is said in words"
fails 2 serve 'mqtt://*:1883'
printf '[clients]\nmax_queud = 100\n' >broker.conf
fails 2 serve --config broker.conf --check
fails 1 pub -t 'house/#' -m 21.5 "$mqtt"

heading "Every message came"
