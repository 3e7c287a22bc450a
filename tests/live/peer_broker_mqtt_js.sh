#!/bin/sh
# SPDX-License-Identifier: MIT
# npm's mqtt client in its ordinary use with `mqw serve` over TCP, TLS, WebSocket, both, and a Unix socket.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program openssl node
need_module mqtt
certificate

printf '[tls]\ncertificate = %s\nkey = %s\n' "$scratch/cert.pem" "$scratch/key.pem" >"$scratch/serve.conf"
serve broker --config "$scratch/serve.conf" mqtt://127.0.0.1:0 mqtts://127.0.0.1:0 ws://127.0.0.1:0/mqtt \
    wss://127.0.0.1:0/mqtt "unix:$scratch/broker.socket"
broker=$child
run 0 node "$SOURCE_DIR/tests/live/peer_broker_mqtt_js.mjs" "$NODE_DIR" "$scratch/cert.pem" \
    "mqtt://127.0.0.1:$(port broker mqtt:)" "mqtts://localhost:$(port broker mqtts:)" \
    "ws://127.0.0.1:$(port broker ws:)/mqtt" "wss://localhost:$(port broker wss:)/mqtt" \
    "mqtt+unix://$scratch/broker.socket"
cat "$out"
ends 0 "$broker" TERM
not_logged broker ' error '
finish
