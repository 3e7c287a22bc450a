#!/bin/sh
# SPDX-License-Identifier: MIT
# The C in the documents is C that is built and run: each block must be as its source has it.
# snippets.sh TREE [--write]; --write brings the documents up to date instead of failing.
set -eu
tree=${1:?usage: snippets.sh TREE [--write]}
here=$(dirname "$0")
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
failed=0
blocks=0
for document in "$tree"/README.md "$tree"/docs/*.md; do
    awk -v tree="$tree" -f "$here/snippets.awk" "$document" >"$scratch" || failed=1
    blocks=$((blocks + $(grep -c '^```c$' "$document" || :)))
    if [ "${2:-}" = --write ]; then
        cmp -s "$scratch" "$document" || cp "$scratch" "$document"
    else
        diff -u "$document" "$scratch" || failed=1
    fi
done
echo "$blocks blocks"
[ "$blocks" -gt 0 ] && exit "$failed"
