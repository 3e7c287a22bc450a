#!/bin/sh
# SPDX-License-Identifier: MIT
# As a server for npm's mqtt client through ws and wss, in versions 3, 4 and 5 (v4:MQTT-6.0.0-4, v5:MQTT-6.0.0-4).
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/web.sh"
need_module mqtt
need_program openssl
certificate

for scheme in ws wss; do
    tls=
    [ $scheme = ws ] || tls="--cert $scratch/cert.pem --key $scratch/key.pem"
    # shellcheck disable=SC2086 # options are words
    start "$scheme" "$MQW" listen --answer --echo $tls "$scheme://127.0.0.1:0/mqtt"
    run 0 node "$SOURCE_DIR/tests/live/peer_web_mqtt_js.mjs" "$NODE_DIR" "$scheme://127.0.0.1:${address##*:}" \
        "$scratch/cert.pem"
    cat "$out"
    for version in 3 4 5; do
        await_text "$scratch/$scheme.log" "client_id=\"web-$version\""
    done
    check
    ! grep -q "# .*error" "$scratch/$scheme.log" || fail "$scheme: $(grep '# .*error' "$scratch/$scheme.log")"
    stop "$child"
done
finish
