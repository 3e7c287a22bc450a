#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the fuzzers' corpus from the transcripts: seeds.sh TEST_SPEC FUZZERS, the program of a build with tests and the
# directory with fuzz_decode, fuzz_scan and fuzz_conn of a build with fuzzers. What adds nothing is left out. Run it when
# transcripts were added; fuzz/corpus is part of the tree, so that ./dev test can replay it without any fuzzer.
set -eu
program=$(realpath "${1:?usage: seeds.sh TEST_SPEC FUZZERS}")
fuzzers=$(realpath "${2:?usage: seeds.sh TEST_SPEC FUZZERS}")
cd "$(dirname "$0")"
all=$(mktemp -d)
trap 'rm -rf "$all"' EXIT
"$program" --seeds "$all" ./*.md
for room in decode scan conn; do
    corpus=../../fuzz/corpus/$room
    mkdir -p "$corpus"
    find "$corpus" -type f -exec rm -f {} +
    "$fuzzers/fuzz_$room" -merge=1 "$corpus" "$all/$room" 2>/dev/null
    echo "$room: $(find "$corpus" -type f | wc -l) inputs, $(cat "$corpus"/* | wc -c) bytes"
done
