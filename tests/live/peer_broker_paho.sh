#!/bin/sh
# SPDX-License-Identifier: MIT
# Paho's C client with `mqw serve` over TCP, TLS and WebSocket in TLS, and with examples/broker.c over TCP. Without TLS
# Paho 1.3.11 does not see the second packet of one read from a WebSocket until more comes, so that is not asked of it.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_program cc openssl node
echo '#include <MQTTClient.h>' | cc -E - >/dev/null 2>&1 || without "there is no libpaho-mqtt-dev"
certificate

run 0 cc -std=c11 -Wall -Wextra -Werror -o "$scratch/paho" "$SOURCE_DIR/tests/live/peers/paho.c" -lpaho-mqtt3cs
serve broker --cert "$scratch/cert.pem" --key "$scratch/key.pem" mqtts://127.0.0.1:0 wss://127.0.0.1:0/mqtt
secure=$child
serve plain mqtt://127.0.0.1:0
run 0 "$scratch/paho" "tcp://127.0.0.1:$(port plain mqtt:)"
run 0 "$scratch/paho" "ssl://localhost:$(port broker mqtts:)" "$scratch/cert.pem"
run 0 "$scratch/paho" "wss://localhost:$(port broker wss:)/mqtt" "$scratch/cert.pem"
ends 0 "$child" TERM
ends 0 "$secure" TERM

if [ -x "$EXAMPLES_DIR/broker" ]; then
    start example "$EXAMPLES_DIR/broker" tcp://127.0.0.1:0
    run 0 "$scratch/paho" "$address"
    ends 0 "$child" INT
fi
finish
