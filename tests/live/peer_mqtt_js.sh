#!/bin/sh
# SPDX-License-Identifier: MIT
# As a server for npm's mqtt client, whose ancestor this connection has its shape from: versions 3, 4 and 5.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
need_module mqtt

start server "$MQW" listen --answer --echo --full tcp://127.0.0.1:0
run 0 node "$SOURCE_DIR/tests/live/peer_mqtt_js.mjs" "$NODE_DIR" "${address##*:}"
cat "$out"
for version in 3 4 5; do
    await_text "$scratch/server.log" "CONNECT version=$version client_id=\"js-$version\" keep_alive=30"
    await_text "$scratch/server.log" "will.topic=\"gone/$version\" will.payload=0x00ff will.qos=1 will.retain username=\"us€r\" password=0x80ff"
done
stop "$child"
finish
