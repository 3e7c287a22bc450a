#!/bin/sh
# SPDX-License-Identifier: MIT
# As a client against npm's broker aedes, in 3.1 and 3.1.1 (it has no 5.0).
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_module aedes

start broker node "$SOURCE_DIR/tests/live/peer_aedes.mjs" "$NODE_DIR"

for version in 3 4; do
    holds --unordered <<SCRIPT
C> CONNECT version=$version client_id="all-$version" keep_alive=60 clean_start username="u" password="right"
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="a/+":0 filter="b/#":1 filter="c":2
S> SUBACK packet_id=1 reasons=0,1,2
C> PUBLISH topic="a/é" payload="0"
S> PUBLISH topic="a/é" payload="0" !qos
C> PUBLISH topic="b/x" payload=0x00ff qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="b/x" payload=0x00ff qos=1 packet_id=\$one
C> PUBACK packet_id=\$one
C> PUBLISH topic="c" payload="2" qos=2 packet_id=3
S> PUBREC packet_id=3
C> PUBREL packet_id=3
S> PUBCOMP packet_id=3
S> PUBLISH topic="c" payload="2" qos=2 packet_id=\$two
C> PUBREC packet_id=\$two
S> PUBREL packet_id=\$two
C> PUBCOMP packet_id=\$two
C> PINGREQ
S> PINGRESP
C> UNSUBSCRIBE packet_id=4 filter="a/+"
S> UNSUBACK packet_id=4
C> DISCONNECT
.wait close
SCRIPT

    # a retained message, and a will that is due because there is no DISCONNECT
    holds <<SCRIPT
C> CONNECT version=$version client_id="keeper-$version" clean_start username="u" password="right" will.topic="gone/$version" will.payload="gone" will.retain
S> CONNACK reason=0
C> PUBLISH topic="kept/$version" payload="kept" qos=1 packet_id=1 retain
S> PUBACK packet_id=1
SCRIPT
    await_text "$scratch/broker.log" "published gone/$version"
    holds --unordered <<SCRIPT
C> CONNECT version=$version client_id="finder-$version" clean_start username="u" password="right"
S> CONNACK reason=0
C> SUBSCRIBE packet_id=1 filter="+/$version":0
S> SUBACK packet_id=1 reasons=0
S> PUBLISH topic="kept/$version" payload="kept" retain
S> PUBLISH topic="gone/$version" payload="gone" retain
C> DISCONNECT
.wait close
SCRIPT

    # it refuses with 4 (v4:MQTT-3.1.4-5: nothing more is sent then)
    holds <<SCRIPT
C> CONNECT version=$version client_id="wrong-$version" clean_start username="u" password="wrong"
S> CONNACK reason=4
.wait close
SCRIPT
done

# a session that is kept: Session Present, and the message that was not acknowledged comes again
holds --unordered <<SCRIPT
C> CONNECT version=4 client_id="session" username="u" password="right"
S> CONNACK reason=0 !session_present
C> SUBSCRIBE packet_id=1 filter="again":1
S> SUBACK packet_id=1 reasons=1
C> PUBLISH topic="again" payload="x" qos=1 packet_id=2
S> PUBACK packet_id=2
S> PUBLISH topic="again" payload="x" qos=1 packet_id=\$id
SCRIPT
holds <<SCRIPT
C> CONNECT version=4 client_id="session" username="u" password="right"
S> CONNACK reason=0 session_present
S> PUBLISH topic="again" payload="x" qos=1 packet_id=\$id
C> PUBACK packet_id=\$id
C> DISCONNECT
.wait close
SCRIPT

stop "$child"
finish
