#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails when an #include runs to a higher floor, to a sibling room, or out of C11 below floor 5.
# layers.sh TREE checks a tree; layers.sh --self-test shows that each kind of offence is found.
set -eu

# One line per #include: the including file, then what stands behind the word.
includes() {
    find include/mqwire src tools -name '*.[ch]' -exec grep -HE '^[[:space:]]*#[[:space:]]*include' {} + \
        | sed -E 's/^([^:]*):[[:space:]]*#[[:space:]]*include[[:space:]]*/\1 /'
}

# Prints the offences of the tree in the current directory, one per line; good when there are none.
check() {
    includes | awk '
    function room_of(path,  part, n) {
        n = split(path, part, "/")
        return n > 2 ? part[1] "/" part[2] : part[1]
    }
    function exists(path,  line, found) {
        found = (getline line < path) >= 0
        close(path)
        return found
    }
    function floor_of(path) {
        if (path ~ /^include\//) return path in header_floor ? header_floor[path] : 1
        return room_of(path) in floor ? floor[room_of(path)] : 0
    }
    function offence(why) { print $1 ": " $2 ": " why; offences++ }
    # A quoted name is sought beside the file, then in src/, then in include/.
    function resolve(file, name,  dir) {
        dir = file; sub(/[^\/]*$/, "", dir)
        if (exists(dir name)) return dir name
        if (exists("src/" name)) return "src/" name
        if (exists("include/" name)) return "include/" name
        return ""
    }
    BEGIN {
        floor["src/base"] = 2
        floor["src/wire"] = floor["src/session"] = 3
        floor["src/conn"] = 4
        floor["src/transport"] = floor["src/store"] = 5
        floor["src/client"] = floor["src/broker"] = 6
        floor["tools/mqw"] = 7
        # Public headers of libmqwire are open to all; the others belong to the floor that implements them.
        n = split("transport tls websocket store", header, " ")
        for (i = 1; i <= n; i++) header_floor["include/mqwire/" header[i] ".h"] = 5
        n = split("auth client sync broker", header, " ")
        for (i = 1; i <= n; i++) header_floor["include/mqwire/" header[i] ".h"] = 6
        words = "assert ctype errno float inttypes limits math stdalign stdarg stdbool stddef stdint stdio " \
                "stdlib stdnoreturn string immintrin emmintrin smmintrin tmmintrin arm_neon"
        n = split(words, word, " ")
        for (i = 1; i <= n; i++) plain["<" word[i] ".h>"] = 1
    }
    {
        mine = floor_of($1)
        if (mine == 0) { offence("the file stands in no known room"); next }
        name = substr($2, 2, length($2) - 2)
        if ($2 ~ /\.\./) { offence("name the room instead of a way to it"); next }
        if ($2 ~ /^</ && name !~ /^mqwire\//) {
            if (mine < 5 && !($2 in plain)) offence("floors 1 to 4 know C11 only")
            next
        }
        target = $2 ~ /^</ ? "include/" name : resolve($1, name)
        if (target == "" || !exists(target)) { offence("no such file"); next }
        if (target ~ /^include\//) {
            if (floor_of(target) > mine) offence("a header of a higher floor")
        } else if (room_of(target) != room_of($1)) {
            theirs = floor_of(target)
            if (theirs > mine) offence("a higher floor")
            if (theirs == mine) offence("a sibling room")
            if (theirs == 0) offence("leads to no known room")
        }
    }
    END { exit offences > 0 }'
}

# plant FILE LINE: writes a one-line file into the tree of the self-test.
plant() {
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$2" >"$1"
}

# expect WHY FILE LINE: the tree must be refused for that reason while the file holds the line.
expect() {
    plant "$2" "$3"
    if found=$(check); then
        echo "self-test: not found: $2: $3 ($1)"
        exit 1
    fi
    case $found in
    "$2: "*": $1") rm "$2" ;;
    *) echo "self-test: found something else than $2 ($1): $found"; exit 1 ;;
    esac
}

self_test() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    cd "$scratch"
    plant include/mqwire/spec.h '#include <stdint.h>'
    plant include/mqwire/transport.h '#include <uv.h>'
    plant include/mqwire/mqwire.h '#include "spec.h"'
    plant src/base/buffer.h '#include <mqwire/spec.h>'
    plant src/session/inbox.h '#include "base/buffer.h"'
    plant src/wire/cursor.h '#  include "base/buffer.h"'
    plant src/wire/publish.c '#include "cursor.h"'
    plant src/conn/conn.h '#include "wire/cursor.h"'
    plant src/transport/link.c '#include <sys/socket.h>'
    plant src/store/sqlite/file.c '#include <sqlite3.h>'
    plant src/store/store.h '#include <mqwire/store.h>'
    plant include/mqwire/store.h '#include <uv.h>'
    plant include/mqwire/client.h '#include "store.h"'
    plant src/client/client.c '#include "transport/link.h"'
    plant src/transport/link.h '#include <mqwire/transport.h>'
    plant tools/mqw/main.c '#include <mqwire/client.h>'
    check || { echo "self-test: a sound tree was refused"; exit 1; }

    expect "a higher floor" src/base/bad.c '#include "wire/cursor.h"'
    expect "a higher floor" src/wire/bad.c '#include "conn/conn.h"'
    expect "a higher floor" src/session/bad.c ' # include "conn/conn.h"'
    expect "a sibling room" src/wire/bad.h '#include "session/inbox.h"'
    expect "a sibling room" src/session/bad.h '#include "wire/cursor.h"'
    expect "a header of a higher floor" src/conn/bad.c '#include <mqwire/transport.h>'
    expect "a sibling room" src/store/bad.c '#include "transport/link.h"'
    expect "a sibling room" src/transport/bad.c '#include "store/store.h"'
    expect "a header of a higher floor" src/store/bad.c '#include <mqwire/client.h>'
    expect "a header of a higher floor" src/base/bad.c '#include "mqwire/transport.h"'
    expect "a header of a higher floor" include/mqwire/bad.h '#include <mqwire/transport.h>'
    expect "a higher floor" include/mqwire/bad.h '#include "base/buffer.h"'
    expect "floors 1 to 4 know C11 only" src/conn/bad.c '#include <uv.h>'
    expect "floors 1 to 4 know C11 only" src/base/bad.c '#include <sys/socket.h>'
    expect "name the room instead of a way to it" src/base/bad.c '#include "../base/buffer.h"'
    expect "no such file" src/base/bad.c '#include "nowhere.h"'
    expect "the file stands in no known room" src/attic/bad.c '#include <stdint.h>'
    echo "self-test: every offence was found"
}

case ${1:?usage: layers.sh TREE, or layers.sh --self-test} in
--self-test) self_test ;;
*) cd "$1" && check && echo "every #include runs downwards" ;;
esac
