#!/bin/sh
# SPDX-License-Identifier: MIT
# How large base, wire and conn are for a Cortex-M4: .text and .rodata, object by object, and what they need of libc.
set -eu
cd "$(dirname "$0")/.."

cross=${CROSS:-arm-none-eabi-}
flags="-std=c11 -mcpu=cortex-m4 -mthumb -Os -ffunction-sections -fdata-sections -fvisibility=hidden"
objects=${BUILD_DIR:-build/release}/size-m4
limit=20480

# Not counted: what prints, reads and explains for people; handlers; payload as text.
apart=" print scan lexer words text dispatch encoding "
# Counted in a total of their own: no connection needs them, a program may (fields is the table that copying reads).
beside=" copy downgrade fields "

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

# Rows of the sources in a list; their sums go to $sum and $sum_data.
table() { # TITLE SOURCE...
    printf '\n%-24s %8s %8s %8s %8s\n' "$1" .text .rodata both data+bss
    shift
    sum=0
    sum_data=0
    for source; do
        row "$source" "$objects/$(echo "$source" | tr / _).o"
        sum=$((sum + text + rodata))
        sum_data=$((sum_data + data))
    done
    printf '%-42s %8d %8d\n' together "$sum" "$sum_data"
}

judge() { # WHAT SIZE
    reached=NO
    [ "$2" -gt "$limit" ] || reached=yes
    printf '%-42s %8d  target %d, reached: %s\n' "$1" "$2" "$limit" "$reached"
}

rm -rf "$objects"
mkdir -p "$objects"
counted=
others=
extra=
for source in src/base/*.c src/wire/*.c src/conn/*.c; do
    # shellcheck disable=SC2086 # a list of flags
    "${cross}gcc" $flags -Iinclude -Isrc -c "$source" -o "$objects/$(echo "$source" | tr / _).o"
    name=$(basename "$source" .c)
    case $apart in *" $name "*) others="$others $source" && continue ;; esac
    case $beside in *" $name "*) extra="$extra $source" && continue ;; esac
    counted="$counted $source"
done

printf '%sgcc %s\n' "$cross" "$flags"
# shellcheck disable=SC2086 # lists of sources
{
    table "not counted" $others
    table "copy and downgrade" $extra
    with=$sum
    table "connection and codec" $counted
}
echo
judge "connection and codec" "$sum"
judge "the same with copy and downgrade" "$((sum + with))"
# What a program that only holds a connection and moves packets links of it.
doors="new free recv end send output written clock deadline tick state error"
wanted=
for source in $counted; do
    wanted="$wanted $objects/$(echo "$source" | tr / _).o"
done
roots=
for door in $doors; do
    roots="$roots -u mqw_conn_$door"
done
# shellcheck disable=SC2086 # lists of options and of objects
"${cross}ld" -r --gc-sections -e mqw_conn_new $roots $wanted -o "$objects/linked"
printf '%-42s %8d  mqw_conn_{%s}\n\n' "of the first, kept by a linker for" "$(sections "$objects/linked" '^[.](text|rodata)')" \
    "$(echo "$doors" | tr ' ' ,)"

# shellcheck disable=SC2086
{
    "${cross}nm" --defined-only $wanted | awk 'NF == 3 { print $3 }' | sort -u >"$objects/defined"
    "${cross}nm" --undefined-only $wanted | awk '$1 == "U" { print $2 }' | sort -u >"$objects/undefined"
}
comm -13 "$objects/defined" "$objects/undefined" >"$objects/needed"
printf 'needs of libc: %s\n' "$(grep -v '^mqw_' "$objects/needed" | paste -s -d ' ')"
printf 'needs of what is not counted: %s\n' "$(grep '^mqw_' "$objects/needed" | paste -s -d ' ' | grep . || echo nothing)"
