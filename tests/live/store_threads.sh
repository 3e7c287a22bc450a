#!/bin/sh
# SPDX-License-Identifier: MIT
# The thread of the SQLite store under ThreadSanitizer and under Valgrind: its tests, built for each.
set -eu
command -v valgrind >/dev/null || { [ -z "${CI:-}" ] || exit 1; echo "not run: valgrind is not there"; exit 77; }
cd "$SOURCE_DIR"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cc=${CC:-cc}

# build PROGRAM TEST OPTION...: a test with the store, in one program.
build() {
    program=$1
    test=$2
    shift 2
    "$cc" -std=gnu11 -g -O1 "$@" -Iinclude -Isrc -Itests "tests/live/test_store_$test.c" src/store/*.c \
        src/store/sqlite/*.c -o "$dir/$program" -lcmocka -luv -lsqlite3 -lpthread
}

for test in trying sqlite; do
    echo "$test under ThreadSanitizer"
    build "threads-$test" "$test" -fsanitize=thread
    TSAN_OPTIONS=halt_on_error=1 "$dir/threads-$test"
done
echo "trying under Valgrind"
build plain trying
valgrind --quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite "$dir/plain"
