#!/bin/sh
# SPDX-License-Identifier: MIT
# The page of peer_web_chromium.mjs in a real browser, with `mqw serve`: by hand, and with npm's mqtt client in it.
. "${SOURCE_DIR:=.}/tests/live/lib/peer.sh"
. "$SOURCE_DIR/tests/live/lib/serve.sh"
need_program chromium node timeout
need_module mqtt

browser() {
    exec timeout --kill-after=5 60 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --no-first-run --disable-background-networking --user-data-dir="$scratch/profile" "$@" 2>"$scratch/browser.log"
}
(browser --dump-dom 'data:text/html,<p>it runs') >"$out"
grep -q 'it runs' "$out" || without "chromium does not start here"

start page node "$SOURCE_DIR/tests/live/peer_web_chromium.mjs" "$NODE_DIR"
page=$address
for name in good closed; do
    origin=$page
    [ $name = good ] || origin=https://other.example
    printf '[listener web]\naddress = ws://127.0.0.1:0/mqtt\nws_origins = %s\n[listener plain]\naddress = mqtt://127.0.0.1:0\n' \
        "$origin" >"$scratch/$name.conf"
    serve $name --log-level debug --config "$scratch/$name.conf"
done
"$MQW" sub -t found -C 1 "$(address good mqtt:)" >"$scratch/found" 2>"$err" &
reader=$!
children="$children $reader"
logged good ' subscribed client='
browser "$page/#$(port good ws:),$(port closed ws:)" >/dev/null &
chromium=$!
children="$children $chromium"
await_text "$scratch/found" library
cp "$scratch/found" "$out"
says '"library":true'
says '"hand":"mqtt 1000 true 36"'
says '"text":"1003 true"'
says '"closed":"1006"'
silent_of error
stop "$chromium"
finish
