#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs all benchmarks, one readable report. Fails only when something does not run: ratios are shown, not judged.
set -eu
cd "$(dirname "$0")/.."
BUILD_DIR=${BUILD_DIR:-build/release}
export BUILD_DIR
failed=0

report() { # TITLE COMMAND...
    title=$1
    shift
    printf '\n== %s\n$ %s\n\n' "$title" "$*"
    "$@" || { echo "did not run: $*"; failed=1; }
}

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
printf 'processor: %s, %s cores; %s %s\n' "$processor" "$(nproc)" "$(uname -s)" "$(uname -r)"
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$BUILD_DIR/CMakeCache.txt")
printf 'compiler:  %s\n' "$("$compiler" --version | head -n 1)"

report "codec and connection, against the hand-written limit" "$BUILD_DIR/bench/bench_codec"
report "loopback TCP, against plain write and read" "$BUILD_DIR/bench/bench_tcp"
report "TLS, against SSL_write and SSL_read" "$BUILD_DIR/bench/bench_tls"
report "WebSocket, against plain TCP and wslay" "$BUILD_DIR/bench/bench_websocket"
report "client, next to libmosquitto and Paho C" "$BUILD_DIR/bench/bench_client"
report "store in SQLite, against plain synced writes" "$BUILD_DIR/bench/bench_store"
report "memory of an idle connection, and of an idle client" "$BUILD_DIR/bench/bench_memory"
report "broker, next to mosquitto and the limit" bench/broker.sh
report "size for a Cortex-M4" bench/size.sh
exit "$failed"
