#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs one fuzzer of build/fuzz for some seconds, from the corpus of the tree and what earlier runs found.
# scripts/fuzz.sh SECONDS NAME; leaves build/fuzz/NAME.passed when it found no fault.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz.sh SECONDS NAME}
name=${2:?usage: fuzz.sh SECONDS NAME}
work=build/fuzz/$name
mkdir -p "$work.corpus" "$work.faults"

set -- "$work.corpus"
[ ! -d "fuzz/corpus/$name" ] || set -- "$@" "fuzz/corpus/$name"
[ ! -f "fuzz/$name.dict" ] || set -- "-dict=fuzz/$name.dict" "$@"

if "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$work.faults/" -print_final_stats=1 "$@" >"$work.log" 2>&1; then
    touch "$work.passed"
    echo "fuzz_$name: no fault in $(sed -n 's/^stat::number_of_executed_units: *//p' "$work.log") runs"
else
    tail -n 60 "$work.log"
    echo "fuzz_$name: FAULT; the input is in $work.faults/"
    exit 1
fi
