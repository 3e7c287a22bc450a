#!/bin/sh
# SPDX-License-Identifier: MIT
# Random packets of npm's mqtt-packet come out of `mqw decode` with the same fields, and ours out of
# mqtt-packet. SEED=N repeats a run, COUNT=N makes a longer one.
set -eu
source_dir=${SOURCE_DIR:-.}
peers=${NODE_DIR:-$source_dir/build/peers}
if [ ! -d "$peers/node_modules/mqtt-packet" ]; then
    echo "mqtt-packet is not in $peers/node_modules: ./dev test installs it"
    [ -n "${CI:-}" ] || exit 77
    exit 1
fi
NODE_PATH=$peers/node_modules MQW=${MQW:?} LINES=${BUILD_DIR:?}/tests/test_spec \
    exec node "$source_dir/tests/live/peer_differential.mjs" "${SEED:-1}" "${COUNT:-3000}"
