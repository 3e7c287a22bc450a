#!/bin/sh
# SPDX-License-Identifier: MIT
# What ./dev lint does once its tools are there: style, static analysis, lengths. Fails on any finding.
set -eu
cd "$(dirname "$0")/.."
failed=

heading() {
    printf '\n== %s\n' "$*"
}

mkdir -p build
cmake --preset release -B build/lint >build/lint.log 2>&1 || { cat build/lint.log; exit 1; }

heading "clang-format"
find include src tools examples tests fuzz bench docs -name '*.[ch]' 2>/dev/null | sort >build/lint/formatted
xargs clang-format --dry-run -Werror <build/lint/formatted || failed="$failed clang-format"

heading "clang-tidy" # one file each: version 14 mixes up the va_list of several
find src tools -name '*.c' | sort >build/lint/sources
xargs -P "$(nproc)" -n 1 clang-tidy -p build/lint --quiet <build/lint/sources 2>build/lint/tidy.log \
    || failed="$failed clang-tidy"

heading "cppcheck"
cppcheck --enable=warning,performance,portability,style --inline-suppr --error-exitcode=1 --quiet \
    --std=c11 -Iinclude -Isrc -j "$(nproc)" --file-list=build/lint/sources || failed="$failed cppcheck"

heading "lengths in include, src and tools"
find include src tools -name '*.[ch]' -exec awk -f scripts/lengths.awk {} +

if [ -n "$failed" ]; then
    printf '\nfindings of:%s\n' "$failed"
    exit 1
fi
printf '\nno findings\n'
