#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, twice, as C11 and as C++17, without a warning.
# headers.sh TREE
set -eu
cd "${1:?usage: headers.sh TREE}"
flags="-Iinclude $(pkg-config --cflags libuv) -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only"
failed=0
for header in include/mqwire/*.h; do
    # libuv's own header wants more of the system than C11 has; only headers that need it get that.
    system=
    ! cc -Iinclude -D_GNU_SOURCE -M "$header" | grep -q "/uv\.h" || system=-D_GNU_SOURCE
    line="#include <mqwire/${header##*/}>"
    # shellcheck disable=SC2086 # several flags
    for compiler in "cc -x c -std=c11" "c++ -x c++ -std=c++17"; do
        printf '%s\n%s\n' "$line" "$line" | $compiler $flags $system - || {
            echo "$header does not stand alone: $compiler"
            failed=1
        }
    done
done
exit "$failed"
