#!/bin/sh
# SPDX-License-Identifier: MIT
# A server and a client of mqw talking, in MQTT 3.1, 3.1.1 and 5.0: each packet both ways with its time and who said it.
# Then mqw pub and mqw sub, through TLS and WebSocket where openssl is there to make a certificate. $MQW is the command.
# Ends by itself, within a minute; good when every packet was the one that the script expects, and every message came.
set -eu
mqw=${MQW:-mqw}
colour=always
[ -z "${NO_COLOR:-}" ] || colour=never

scratch=$(mktemp -d)
servers=
export XDG_CONFIG_HOME="$scratch" # nobody's habits
finish() {
    [ -z "$servers" ] || kill $servers 2>/dev/null || :
    wait || :
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

heading() {
    if [ "$colour" = always ]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

# One conversation for all versions; each line says who speaks. What is not named is not compared, $name keeps a value.
conversation() {
    cat <<'SCRIPT'
# QoS 0: said once, echoed once
C> PUBLISH topic="demo/lamp" payload="on"
S> PUBLISH topic="demo/lamp" payload="on" qos=0
# QoS 1: the echo and the acknowledgement cross
C> PUBLISH topic="demo/lamp" payload="dim" qos=1 packet_id=10
S> PUBLISH topic="demo/lamp" payload="dim" qos=1 packet_id=$echo
S> PUBACK packet_id=10
C> PUBACK packet_id=$echo
# QoS 2: exactly once takes two rounds, here in both directions
C> PUBLISH topic="demo/lamp" payload="off" qos=2 packet_id=11
S> PUBLISH topic="demo/lamp" payload="off" qos=2 packet_id=$exact
S> PUBREC packet_id=11
C> PUBREL packet_id=11
C> PUBREC packet_id=$exact
S> PUBCOMP packet_id=11
S> PUBREL packet_id=$exact
C> PUBCOMP packet_id=$exact
# is somebody there?
C> PINGREQ
S> PINGRESP
SCRIPT
}

farewell() {
    cat <<'SCRIPT'
C> UNSUBSCRIBE packet_id=2 filter="demo/#"
S> UNSUBACK packet_id=2
C> DISCONNECT
.wait close
SCRIPT
}

opening_3() { # VERSION
    cat <<SCRIPT
C> CONNECT version=$1 client_id="demo" clean_start keep_alive=30 will.topic="demo/will" will.payload="gone"
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="demo/#":2
S> SUBACK packet_id=1 reasons=2
SCRIPT
}

opening_5() {
    cat <<'SCRIPT'
# no client identifier: the server assigns one
C> CONNECT version=5 client_id="" clean_start keep_alive=30 session_expiry=60 receive_maximum=20 user="from":"demo"
S> CONNACK reason=SUCCESS assigned_client_id=* topic_alias_maximum=*
C> SUBSCRIBE packet_id=1 filter="demo/#":2:retain_as_published subscription_id=7
S> SUBACK packet_id=1 reasons=GRANTED_QOS_2
# properties travel with the message, the subscription identifier comes with its echo
C> PUBLISH topic="demo/report" payload="21.5" content_type="text/plain" response_topic="demo/reply" correlation_data=0xc0ffee user="unit":"C"
S> PUBLISH topic="demo/report" payload="21.5" content_type="text/plain" response_topic="demo/reply" correlation_data=0xc0ffee user="unit":"C" subscription_id=7
# a topic alias: the topic is said once, then stands for itself
C> PUBLISH topic="demo/a/rather/long/topic" payload="first" topic_alias=1
S> PUBLISH topic="demo/a/rather/long/topic" payload="first"
C> PUBLISH topic="" payload="second" topic_alias=1
S> PUBLISH topic="demo/a/rather/long/topic" payload="second"
SCRIPT
}

play() { # FILE
    timeout 15 "$mqw" open --expect --notes --color "$colour" --script "$1" "$address"
}

# serve NAME OPTIONS...: the server says on its first line where it listens; the rest goes to a file, so that it never
# waits for us.
serve() {
    name=$1
    shift
    mkfifo "$scratch/$name"
    timeout 60 "$mqw" listen --answer --echo --color never "$@" >"$scratch/$name" </dev/null &
    servers="$servers $!"
    exec 3<"$scratch/$name"
    read -r line <&3
    cat <&3 >"$scratch/$name.log" &
    exec 3<&-
    address=${line#listening on }
}

serve raw tcp://127.0.0.1:0
heading "mqw listen --answer --echo $address"
for version in 3.1 3.1.1 5.0; do
    case $version in
    3.1) opening_3 3 ;;
    3.1.1) opening_3 4 ;;
    5.0) opening_5 ;;
    esac >"$scratch/$version"
    { conversation; farewell; } >>"$scratch/$version"
    heading "MQTT $version"
    play "$scratch/$version"
done
heading "every packet of the server was the one that its script expects"

# --- mqw pub and mqw sub ----------------------------------------------------------------------------------

# A command as somebody would type it.
typed() {
    line=mqw
    for word; do
        case $word in
        *[!A-Za-z0-9_./:=+,@-]* | '') line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    if [ "$colour" = always ]; then
        printf '\033[2m$\033[0m %s\n' "$line"
    else
        printf '$ %s\n' "$line"
    fi
}

types() {
    typed "$@"
    timeout 15 "$mqw" "$@"
}

# A subscriber in the background, whose output `heard` shows; it goes on when the server has answered.
hears() {
    typed "$@"
    mkfifo "$scratch/debug"
    timeout 15 "$mqw" "$@" --debug --color "$colour" >"$scratch/heard" 2>"$scratch/debug" &
    listener=$!
    exec 4<"$scratch/debug"
    while read -r line <&4; do
        case $line in *SUBACK*) break ;; esac
    done
    cat <&4 >/dev/null &
    exec 4<&-
    rm "$scratch/debug"
}
heard() {
    wait "$listener"
    sed 's/^/  /' "$scratch/heard"
}

# Commands that fail on purpose: what they say, and that they do.
fails() { # CODE COMMAND...
    wanted=$1
    shift
    code=0
    types "$@" 2>&1 || code=$?
    [ "$code" -eq "$wanted" ]
}

cd "$scratch"
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost' -keyout key.pem -out cert.pem 2>/dev/null
    heading "mqw listen --answer --echo --cert cert.pem --key key.pem wss://localhost:0"
    serve secure --cert cert.pem --key key.pem wss://localhost:0
    port=${address##*:}
    printf -- '-L wss://localhost:%s\n--cafile cert.pem\n' "$port" >server
else
    heading "mqw listen --answer --echo ws://localhost:0"
    serve secure ws://localhost:0
    port=${address##*:}
    printf -- '-L ws://localhost:%s\n' "$port" >server
fi
echo "what always holds stands in a file:"
sed 's/^/  /' server

heading "mqw sub and mqw pub, with the options of mosquitto's"
hears sub -o server -v -t 'house/#' -q 1 -C 3
types pub -o server -t house/kitchen -m 21.5
types pub -o server -t house/hall -m 'rather warm' -q 1
types pub -o server -t house/attic -m '{"t":35,"open":false}' -q 2
heard

heading "as a table, as JSON, with properties"
hears sub -o server -t '#' -C 1 -F '%-14t %3l bytes  %C  %P  %x'
types pub -o server -t house/kitchen -m 21.5 -D publish content-type text/plain -D publish user-property unit C
heard
hears sub -o server -t '#' -C 1 -F %j
types pub -o server -t house/kitchen -m 21.5 -q 1 -D publish message-expiry-interval 60
heard

heading "a line, a message: as fast as the server takes them"
hears sub -o server -t log -q 1 -C 10000
typed pub -o server -t log -q 1 -l --stats
seq 10000 | timeout 15 "$mqw" pub -o server -t log -q 1 -l --stats 2>&1
wait "$listener"
seq 10000 | cmp - heard
echo "  1 ... $(tail -n 1 heard): all of them, in order"

heading "what goes wrong is said in words"
fails 1 pub -t house/kitchen -m 21.5 mqtt://localhost:1
if [ -f cert.pem ]; then
    fails 8 pub -t house/kitchen -m 21.5 "wss://localhost:$port"
    fails 8 pub -t house/kitchen -m 21.5 --cafile cert.pem --server-name example.org "wss://localhost:$port"
    fails 8 pub -t house/kitchen -m 21.5 "mqtt://localhost:$port"
fi
fails 1 pub -t 'house/#' -m 21.5
fails 1 sub --tpoic house
heading "every message came"
