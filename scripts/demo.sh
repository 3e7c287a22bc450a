#!/bin/sh
# SPDX-License-Identifier: MIT
# A server and a client of mqw talking, in MQTT 3.1, 3.1.1 and 5.0: each packet both ways with its time and who said it.
# $MQW is the command. Ends by itself, within a minute; good when every packet was the one that the script expects.
set -eu
mqw=${MQW:-mqw}
colour=always
[ -z "${NO_COLOR:-}" ] || colour=never

scratch=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
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

# The server says on its first line where it listens; the rest is read, so that it never waits for us.
mkfifo "$scratch/said"
timeout 60 "$mqw" listen --answer --echo --color never tcp://127.0.0.1:0 >"$scratch/said" </dev/null &
server=$!
exec 3<"$scratch/said"
read -r line <&3
cat <&3 >"$scratch/log" &
exec 3<&-
address=${line#listening on }

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
