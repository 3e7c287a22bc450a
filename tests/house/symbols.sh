#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails when a library shows a name that is not ours, needs more than it may, or holds writable data.
# symbols.sh BUILD_DIR checks the libraries there; symbols.sh --self-test shows that each fault is found.
set -eu

# fault TEXT NAMES: reports a fault, unless there are no such names.
fault() {
    [ -n "$2" ] || return 0
    echo "$1: $(echo "$2" | tr '\n' ' ')"
    faults=$((faults + 1))
}

others() { # PATTERN: the lines of standard input that do not match it
    grep -vE "$1" | sort -u || :
}

# A shared library shows its public names (MQW_POLICY_ORIGINAL is the one constant) and nothing of what its
# rooms share (mqw__).
check_shared() { # LIBRARY
    shown=$(nm -D --defined-only "$1" | awk '{ print $NF }')
    fault "$1 shows foreign names" "$(echo "$shown" | others '^(mqw_[a-z]|MQW_POLICY_ORIGINAL$)')"
    soname=$(readelf -d "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
    fault "$1 has the wrong SONAME" "$(echo "${soname:-none}" | others "^${1##*/}\.0\$")"
}

check_needed() { # LIBRARY PATTERN
    needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    fault "$1 needs" "$(echo "$needed" | others "$2")"
}

# In a static library the rooms must see each other, so mqw__ names are there too.
check_static() { # LIBRARY
    shown=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }')
    fault "$1 has foreign names" "$(echo "$shown" | others '^(mqw_|MQW_POLICY_ORIGINAL$)')"
}

# No globals: every object lies in a section that is read-only once the program is loaded.
check_data() { # LIBRARY
    fault "$1 has writable data" "$(nm --format=sysv "$1" | tr -d ' ' | awk -F'|' '
        $4 ~ /^(OBJECT|TLS)$/ && $7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/ { print $1 }')"
}

check_core() { # DIRECTORY
    check_shared "$1/libmqwire.so"
    check_needed "$1/libmqwire.so" '^(libc\.so.*|ld-linux.*)$'
    check_static "$1/libmqwire.a"
    check_data "$1/libmqwire.a"
}

check_uv() { # DIRECTORY
    check_shared "$1/libmqwire-uv.so"
    check_needed "$1/libmqwire-uv.so" \
        '^(libmqwire\.so\.0|libuv\.so.*|libssl\.so\.3|libcrypto\.so\.3|libc\.so.*|ld-linux.*)$'
    check_static "$1/libmqwire-uv.a"
}

# That it uses nothing but public names of the others the linker has checked already: they hide the rest.
check_sqlite() { # DIRECTORY
    check_shared "$1/libmqwire-sqlite.so"
    check_needed "$1/libmqwire-sqlite.so" \
        '^(libmqwire(-uv)?\.so\.0|libuv\.so.*|libsqlite3\.so.*|libc\.so.*|ld-linux.*)$'
    check_static "$1/libmqwire-sqlite.a"
    check_data "$1/libmqwire-sqlite.a"
}

# expect FAULT SOURCE [LINK-FLAG]: libraries made of that source must show the fault (empty: none).
expect() {
    printf '%s\n' "$2" >planted.c
    cc -fPIC -fcommon -c planted.c -o planted.o
    rm -f libmqwire.a
    ar rc libmqwire.a planted.o
    cc -shared -Wl,--no-as-needed "${3:--Wl,-soname,libmqwire.so.0}" planted.o -o libmqwire.so
    faults=0
    check_core . >found
    if [ -n "$1" ] && grep -q "$1" found || [ "$1$faults" = 0 ]; then
        return 0
    fi
    echo "self-test: expected '${1:-no fault}' in: $2"
    cat found
    exit 1
}

self_test() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    cd "$scratch"
    sound='int mqw_sound(void) { return 0; }'
    expect "" "$sound static const char *const names[] = {\"a\"}; const char *mqw_name(int i) { return names[i]; }"
    expect "" "$sound __attribute__((visibility(\"hidden\"))) int mqw__shared(void) { return 0; }"
    expect "libmqwire.so shows foreign names: mqw__shared" "$sound int mqw__shared(void) { return 0; }"
    expect "libmqwire.so shows foreign names: decode" "$sound int decode(void) { return 0; }"
    expect "libmqwire.a has foreign names: decode" \
        "$sound __attribute__((visibility(\"hidden\"))) int decode(void) { return 0; }"
    expect "libmqwire.so has the wrong SONAME: libmqwire.so.7" "$sound" -Wl,-soname,libmqwire.so.7
    expect "libmqwire.so has the wrong SONAME: none" "$sound" -O0
    expect "libmqwire.so needs: libm.so" "$sound" -lm
    expect "has writable data: count" "static int count; int mqw_count(void) { return ++count; }"
    expect "has writable data: start" "static int start = 3; int mqw_start(void) { return ++start; }"
    expect "has writable data: mqw_common" "int mqw_common;"
    expect "has writable data: mine" "static _Thread_local int mine; int mqw_mine(void) { return ++mine; }"
    echo "self-test: every fault was found"
}

case ${1:?usage: symbols.sh BUILD_DIR, or symbols.sh --self-test} in
--self-test) self_test ;;
*)
    faults=0
    check_core "$1"
    check_uv "$1"
    check_sqlite "$1"
    [ "$faults" -eq 0 ] && echo "only mqw_ names are shown, only what is allowed is needed, no data is writable"
    ;;
esac
