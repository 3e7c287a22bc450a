#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs a build, moves it elsewhere, and builds and runs users of it: with pkg-config and with
# find_package, shared and static. install.sh BUILD_DIR TREE
set -eu
build=${1:?usage: install.sh BUILD_DIR TREE}
consumer=${2:?usage: install.sh BUILD_DIR TREE}/tests/house/consumer
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
    "$@" >"$scratch/log" 2>&1 || { echo "failed: $*"; cat "$scratch/log"; exit 1; }
}

quietly cmake --install "$build" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/prefix"
prefix=$scratch/prefix
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name mqwire.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH

# run PROGRAM KIND: it works, and it needs libraries of ours when it runs only if KIND is shared.
run() {
    echo "$1"
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$1"
    case $2$(readelf -d "$1" | grep -c 'NEEDED.*libmqwire' || :) in
    shared[12] | static0) ;;
    *) echo "$1 is not $2"; exit 1 ;;
    esac
}

# shellcheck disable=SC2046 # pkg-config gives several flags
for user in core:mqwire uv:mqwire-uv; do
    source=$consumer/${user%%:*}.c
    package=${user##*:}
    program=$scratch/pkg-config-$package
    quietly cc "$source" $(pkg-config --cflags --libs "$package") -o "$program"
    run "$program" shared
    quietly cc -static "$source" $(pkg-config --static --cflags --libs "$package") -o "$program-static"
    run "$program-static" static
done

quietly cmake -S "$consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$scratch/build"
run "$scratch/build/with-mqwire" shared
run "$scratch/build/with-mqwire-static" static
run "$scratch/build/with-uv" shared
run "$scratch/build/with-uv-static" static

quietly "$prefix/bin/mqw" --help
echo "installed, moved, linked and run: shared and static, pkg-config and find_package"
