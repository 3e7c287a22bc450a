#!/bin/sh
# SPDX-License-Identifier: MIT
# How large base, wire and conn are for a Cortex-M4: .text and .rodata, object by object, and what they need of libc.
set -eu
cd "$(dirname "$0")/.."

cross=${CROSS:-arm-none-eabi-}
flags="-std=c11 -mcpu=cortex-m4 -mthumb -Os -ffunction-sections -fdata-sections -fvisibility=hidden"
objects=${BUILD_DIR:-build/release}/size-m4
limit=20480

# Left out of the total: what prints, reads and explains for people, handlers, payload as text.
apart=" print scan words text dispatch encoding "
# Left out too, but listed: no connection needs them, a program may.
beside=" copy downgrade "

# The sum of the sections of an object whose names match.
sections() { # OBJECT PATTERN
    "${cross}size" -A "$1" | awk -v pattern="$2" '$1 ~ pattern { sum += $2 } END { print sum + 0 }'
}

row() { # NAME OBJECT
    text=$(sections "$2" '^[.]text')
    rodata=$(sections "$2" '^[.]rodata')
    data=$(sections "$2" '^[.](data|bss)')
    printf '%-24s %8d %8d %8d %8d\n' "$1" "$text" "$rodata" "$((text + rodata))" "$data"
}

# Rows of the sources in a list, and their sums.
table() { # TITLE SOURCE...
    title=$1
    shift
    total=0
    all_data=0
    printf '\n%-24s %8s %8s %8s %8s\n' "$title" .text .rodata both data+bss
    for source; do
        object=$objects/$(echo "$source" | tr / _).o
        row "$source" "$object"
        total=$((total + text + rodata))
        all_data=$((all_data + data))
    done
    printf '%-24s %8s %8s %8d %8d\n' total '' '' "$total" "$all_data"
}

rm -rf "$objects"
mkdir -p "$objects"
counted=
others=
for source in src/base/*.c src/wire/*.c src/conn/*.c; do
    # shellcheck disable=SC2086 # a list of flags
    "${cross}gcc" $flags -Iinclude -Isrc -c "$source" -o "$objects/$(echo "$source" | tr / _).o"
    name=$(basename "$source" .c)
    case "$apart$beside" in
    *" $name "*) others="$others $source" ;;
    *) counted="$counted $source" ;;
    esac
done

printf '%sgcc %s\n' "$cross" "$flags"
# shellcheck disable=SC2086 # lists of sources
{
    table "not in the total" $others
    table "in the total" $counted
}
verdict=NO
[ "$total" -gt "$limit" ] || verdict=yes
printf '%-24s %8s %8s %8d   reached: %s\n' "target" '' '' "$limit" "$verdict"

wanted=
for source in $counted; do
    wanted="$wanted $objects/$(echo "$source" | tr / _).o"
done
# shellcheck disable=SC2086
{
    "${cross}nm" --defined-only $wanted | awk 'NF == 3 { print $3 }' | sort -u >"$objects/defined"
    "${cross}nm" --undefined-only $wanted | awk '$1 == "U" { print $2 }' | sort -u >"$objects/undefined"
}
comm -13 "$objects/defined" "$objects/undefined" | paste -s -d ' ' >"$objects/needed"
printf 'needs from outside: %s\n' "$(cat "$objects/needed")"
