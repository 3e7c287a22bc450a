#!/bin/sh
# SPDX-License-Identifier: MIT
# A page in a real browser publishes and receives through our WebSocket listener: by hand, and with npm's mqtt client
# (v5:MQTT-6.0.0-2). Text frames and pages of other origins are refused.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
need_program chromium node timeout
need_module mqtt

# browser ARGUMENT...: bounded, and in place of the shell, so that whoever ends it ends the browser; what it complains
# about is not our business.
browser() {
    exec timeout --kill-after=5 60 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --no-first-run --disable-background-networking --user-data-dir="$scratch/profile" "$@" 2>"$scratch/browser.log"
}

(browser --dump-dom 'data:text/html,<p>it runs') >"$out"
grep -q 'it runs' "$out" || without "chromium does not start here"

start page node "$SOURCE_DIR/tests/live/peer_web_chromium.mjs" "$NODE_DIR"
page=$address
start good "$MQW" listen --answer --echo --full --ws-origin "$page" ws://127.0.0.1:0/mqtt
good=${address##*:}
start closed "$MQW" listen --ws-origin "https://other.example" ws://127.0.0.1:0/mqtt
closed=${address##*:}

browser "$page/#$good,$closed" >/dev/null &
chromium=$!
children="$children $chromium"
await_text "$scratch/good.log" 'topic="found"'
grep 'PUBLISH.*topic="found"' "$scratch/good.log" >"$out"
says '\"library\":true'
says '\"hand\":\"mqtt 1000 true 36\"'
says '\"text\":\"1003 true\"'
says '\"closed\":\"1006\"'
silent_of error
await_text "$scratch/good.log" 'MQTT goes in binary frames (MQTT-6.0.0-1)'
await_text "$scratch/closed.log" "peer is a page of $page, an origin that is not accepted"
stop "$chromium"
finish
