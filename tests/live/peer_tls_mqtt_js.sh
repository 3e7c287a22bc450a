#!/bin/sh
# SPDX-License-Identifier: MIT
# As a server for npm's mqtt client over mqtts, in versions 3, 4 and 5.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_module mqtt
need_program openssl
certificate

start server "$MQW" listen --answer --echo --cert "$scratch/cert.pem" --key "$scratch/key.pem" mqtts://127.0.0.1:0
run 0 node "$SOURCE_DIR/tests/live/peer_web_mqtt_js.mjs" "$NODE_DIR" "mqtts://127.0.0.1:${address##*:}" "$scratch/cert.pem"
cat "$out"
check
! grep -q "# .*error" "$scratch/server.log" || fail "$(grep '# .*error' "$scratch/server.log")"
stop "$child"
finish
