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
says 'every packet of the server was the one that its script expects'
says 'mqw pub -t house/kitchen'
says 'all of them, in order'
says 'every message came'
address=$(sed -n "s/.*mqw listen --answer --echo \(tcp:[0-9.:\/]*\).*/\1/p" "$out")
run 3 "$MQW" open "$address" </dev/null
run 0 env NO_COLOR=1 "${SOURCE_DIR:-.}/scripts/demo.sh"
silent_of "$escape"
finish
