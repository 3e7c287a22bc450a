#!/bin/sh
# SPDX-License-Identifier: MIT
# As a client against the broker mosquitto, in 3.1, 3.1.1 and 5.0, over TCP and a Unix socket: an ordered,
# lossless stream of bytes is all that either side needs (v4:MQTT-7.0.0-2, v4:MQTT-7.1.2-1, v5:MQTT-4.2.0-1).
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_program mosquitto node

# mosquitto cannot pick a port by itself; another program may be faster, so it is tried again.
start_broker() {
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        cat >"$scratch/mosquitto.conf" <<CONF
listener $port 127.0.0.1
listener 0 $scratch/broker.socket
allow_anonymous true
persistence false
user root
max_keepalive 600
max_topic_alias 10
CONF
        : >"$scratch/broker.$attempt.log"
        mosquitto -v -c "$scratch/mosquitto.conf" >"$scratch/broker.$attempt.log" 2>&1 &
        broker=$!
        children="$children $broker"
        await_start "$scratch/broker.$attempt.log" && return
    done
    fail "mosquitto does not start"
    sed 's/^/    mosquitto: /' "$scratch/broker.$attempt.log"
    finish
}

# Until it runs, or says that it cannot.
await_start() {
    node -e 'const fs = require("fs"), file = process.argv[1];
        const look = () => {
            const text = fs.readFileSync(file, "utf8");
            if (/ running/.test(text)) process.exit(0);
            if (/Error/.test(text)) process.exit(1);
        };
        fs.watch(file, look);
        look();
        setTimeout(() => process.exit(1), 10000)' "$1"
}

start_broker
tcp=tcp://127.0.0.1:$port

# --- each version: every packet, every QoS -----------------------------------------------------------------------

for address in "$tcp" "unix:$scratch/broker.socket"; do
    for version in 3 4 5; do
        if [ "$version" = 5 ]; then unsuback="reasons=0x00,0x11"; else unsuback=; fi
        holds --unordered <<SCRIPT
C> CONNECT version=$version client_id="all-$version" keep_alive=60 clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="zero/#":0 filter="one/+":1 filter="two/§":2
S> SUBACK packet_id=1 reasons=0,1,2
C> PUBLISH topic="zero" payload="0"
S> PUBLISH topic="zero" payload="0" !qos !retain
C> PUBLISH topic="one/é" payload=0x00ff qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="one/é" payload=0x00ff qos=1 packet_id=\$one
C> PUBACK packet_id=\$one
C> PUBLISH topic="two/§" payload="2" qos=2 packet_id=3
S> PUBREC packet_id=3
C> PUBREL packet_id=3
S> PUBCOMP packet_id=3
S> PUBLISH topic="two/§" payload="2" qos=2 packet_id=\$two
C> PUBREC packet_id=\$two
S> PUBREL packet_id=\$two
C> PUBCOMP packet_id=\$two
C> PINGREQ
S> PINGRESP
C> UNSUBSCRIBE packet_id=4 filter="zero/#" filter="none"
S> UNSUBACK packet_id=4 $unsuback
C> PUBLISH topic="zero" payload="not heard"
C> PINGREQ
S> PINGRESP
C> DISCONNECT
.wait close
SCRIPT
    done
done
address=$tcp

# --- retained messages, and a will ---------------------------------------------------------------------------------

for version in 3 4 5; do
    holds <<SCRIPT
C> CONNECT version=$version client_id="keeper-$version" clean_start will.topic="gone/$version" will.payload="it has gone" will.qos=1 will.retain
S> CONNACK reason=0
C> PUBLISH topic="kept/$version" payload="kept" qos=1 packet_id=1 retain
S> PUBACK packet_id=1
SCRIPT
    # it went without DISCONNECT, so its will is there, too
    holds --unordered <<SCRIPT
C> CONNECT version=$version client_id="finder-$version" clean_start
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="kept/$version":0
S> SUBACK packet_id=1 reasons=0
S> PUBLISH topic="kept/$version" payload="kept" retain
C> SUBSCRIBE packet_id=2 filter="gone/$version":1
S> SUBACK packet_id=2 reasons=1
S> PUBLISH topic="gone/$version" payload="it has gone" qos=1 packet_id=\$will
C> PUBACK packet_id=\$will
C> DISCONNECT
.wait close
SCRIPT
done

# --- a session that is kept: DUP is 1 on what comes again (v4:MQTT-3.3.1-1, v4:MQTT-3.2.2-2) -----------------------

for version in 4 5; do
    if [ "$version" = 5 ]; then keep=session_expiry=60; else keep=; fi
    holds --unordered <<SCRIPT
C> CONNECT version=$version client_id="session-$version" $keep
S> CONNACK reason=0 !session_present
C> SUBSCRIBE packet_id=1 filter="again/$version":1
S> SUBACK packet_id=1 reasons=1
C> PUBLISH topic="again/$version" payload="x" qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="again/$version" payload="x" qos=1 packet_id=\$id !dup
SCRIPT
    holds <<SCRIPT
C> CONNECT version=$version client_id="session-$version" $keep
S> CONNACK reason=0 session_present
S> PUBLISH topic="again/$version" payload="x" qos=1 packet_id=\$id dup
C> PUBACK packet_id=\$id
C> DISCONNECT
.wait close
SCRIPT
done

# --- 5.0: properties come out as they went in ----------------------------------------------------------------------

holds --unordered <<'SCRIPT'
C> CONNECT version=5 client_id="props" clean_start receive_maximum=5 topic_alias_maximum=5 maximum_packet_size=1000 keep_alive=1000
S> CONNACK reason=0 topic_alias_maximum=10 server_keep_alive=600
C> SUBSCRIBE packet_id=1 filter="p/#":2:retain_as_published subscription_id=129
S> SUBACK packet_id=1 reasons=2
C> PUBLISH topic="p/1" payload="é" topic_alias=3 payload_format=1 content_type="text" response_topic="r/1" correlation_data=0x00ff user="b":"1" user="a":"2" user="b":"3"
S> PUBLISH topic="p/1" payload="é" payload_format=1 content_type="text" response_topic="r/1" correlation_data=0x00ff subscription_id=129 user="b":"1" user="a":"2" user="b":"3"
C> PUBLISH topic="" payload="by alias" topic_alias=3
S> PUBLISH payload="by alias" subscription_id=129
C> PUBLISH topic="p/2" payload="kept" retain message_expiry=100
S> PUBLISH topic="p/2" payload="kept" retain message_expiry=*
C> SUBSCRIBE packet_id=2 filter="$share/g/s":1
S> SUBACK packet_id=2 reasons=1
C> PUBLISH topic="nobody/hears/it" qos=1 packet_id=3
S> PUBACK packet_id=3 reason=NO_MATCHING_SUBSCRIBERS
C> DISCONNECT reason=DISCONNECT_WITH_WILL
.wait close
SCRIPT

# --- what mosquitto does not take, and how it says so -----------------------------------------------------------------

holds --policy report <<SCRIPT
C> CONNECT version=4 client_id="bad" clean_start
S> CONNACK reason=0
.hex 36 05 0001 61 0001
.wait close
SCRIPT
holds --policy report <<SCRIPT
C> CONNECT version=5 client_id="bad" clean_start
S> CONNACK reason=0
.hex 36 06 0001 61 0001 00
S> DISCONNECT reason=MALFORMED_PACKET
.wait close
SCRIPT

# A name taken twice: the older one has to go. Not each mosquitto says so with DISCONNECT first.
"$MQW" open --script /dev/stdin --wait forever "$tcp" >"$scratch/old.log" 2>&1 <<'SCRIPT' &
CONNECT version=5 client_id="twin" clean_start
SCRIPT
old=$!
children="$children $old"
await_text "$scratch/old.log" CONNACK
holds <<'SCRIPT'
C> CONNECT version=5 client_id="twin" clean_start
S> CONNACK reason=0
C> DISCONNECT
.wait close
SCRIPT
await_text "$scratch/old.log" "# closed"
wait "$old" || fail "the one that had to go ends with $?"

stop "$broker"
finish
