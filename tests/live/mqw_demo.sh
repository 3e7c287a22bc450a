#!/bin/sh
# SPDX-License-Identifier: MIT
# The demonstration ends by itself, with 0, in colour, and leaves no process behind.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

run 0 "${SOURCE_DIR:-.}/scripts/demo.sh"
for version in 3.1 3.1.1 5.0; do
    says "MQTT $version"
done
escape=$(printf '\033')
says "${escape}[1;32mCONNACK${escape}[0m"
says 'mqw serve --store house.db'
says 'house/attic    35.2    QoS 2  text/plain unit:C'
says '  water in the cellar'
says 'did you mean max_queued?'
says 'Every message came'
address=$(sed -n "s/.*listening on=\(mqtt:[0-9.:\/]*\).*/\1/p" "$out" | tail -n 1)
run 3 "$MQW" open "$address" </dev/null
run 0 env NO_COLOR=1 "${SOURCE_DIR:-.}/scripts/demo.sh"
silent_of "$escape"
finish
