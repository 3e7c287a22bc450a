#!/bin/sh
# SPDX-License-Identifier: MIT
# What 5.0 has besides, as npm's mqtt client uses it, over TCP and over WebSocket, in memory and with a store.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
need_program node
need_module mqtt

guests() { # NAME OPTIONS...
    name=$1
    shift
    serve "$name" --set broker.response_information=answers/ mqtt://127.0.0.1:0 ws://127.0.0.1:0 "$@"
    broker=$child
    for door in mqtt: ws:; do
        run 0 node "$SOURCE_DIR/tests/live/peer_broker_mqtt_js_5.mjs" "$NODE_DIR" "$(address "$name" "$door")"
        cat "$out"
    done
    ends 0 "$broker" TERM
    not_logged "$name" ' error '
}

guests memory
guests stored --store "$scratch/broker.db"
finish
