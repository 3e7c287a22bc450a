#!/bin/sh
# SPDX-License-Identifier: MIT
# npm's mqtt client and a broker that is shut down, killed, and comes back with its store: who reconnects finds everything.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
need_program node
need_module mqtt
run 0 node "$SOURCE_DIR/tests/live/peer_broker_restart.mjs" "$NODE_DIR" "$MQW" "$scratch/broker.db"
cat "$out"
finish
