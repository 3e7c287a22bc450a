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
    (cd "$scratch" && LD_LIBRARY_PATH=$LD_LIBRARY_PATH "$1")
    case $2$(readelf -d "$1" | grep -c 'NEEDED.*libmqwire' || :) in
    shared[123] | static0) ;;
    *) echo "$1 is not $2"; exit 1 ;;
    esac
}

# with_pkg_config KIND FLAGS: a user of each library, linked with what pkg-config says.
# shellcheck disable=SC2046,SC2086 # several flags
with_pkg_config() {
    for user in core:mqwire uv:mqwire-uv sqlite:mqwire-sqlite; do
        program=$scratch/pkg-config-${user##*:}-$1
        quietly cc "$consumer/${user%%:*}.c" $(pkg-config $2 --cflags --libs "${user##*:}") -o "$program"
        run "$program" "$1"
    done
}

quietly cmake -S "$consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$scratch/build"
run "$scratch/build/with-mqwire" shared
run "$scratch/build/with-mqwire-static" static
run "$scratch/build/with-uv" shared
run "$scratch/build/with-uv-static" static
run "$scratch/build/with-sqlite" shared
run "$scratch/build/with-sqlite-static" static

with_pkg_config shared ""
rm "$LD_LIBRARY_PATH"/libmqwire*.so* # as a package with nothing but static libraries
with_pkg_config static --static

quietly "$prefix/bin/mqw" --help
echo "installed, moved, linked and run: shared and static, pkg-config and find_package"
