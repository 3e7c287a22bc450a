# SPDX-License-Identifier: MIT
# What the tests of the command share; to be sourced. $MQW is the command. A test ends with `finish`.
set -u
export LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR
scratch=$(mktemp -d)
out=$scratch/out err=$scratch/err
children=

cleanup() {
    for child in $children; do
        kill "$child" 2>/dev/null
    done
    wait
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# Counted in files, because `... | run` is a process of its own.
check() {
    echo >>"$scratch/checks"
}

fail() {
    echo >>"$scratch/failures"
    echo "FAILED: $*"
    for file in "$out" "$err"; do
        [ ! -s "$file" ] || sed "s/^/    ${file##*/}: /" "$file" | head -n 40
    done
}

# run CODE COMMAND...: its exit code has to be this one. What it prints is in $out and $err; input is standard input.
run() {
    wanted=$1
    shift
    check
    code=0
    timeout 30 "$@" >"$out" 2>"$err" || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}

# says TEXT, silent_of TEXT: whether the last run printed that (a fixed text) on standard output; error_says: on the other.
says() {
    check
    grep -qF -e "$1" "$out" || fail "not said: $1"
}
silent_of() {
    check
    ! grep -qF -e "$1" "$out" || fail "said: $1"
}
error_says() {
    check
    grep -qF -e "$1" "$err" || fail "no error says: $1"
}

# lines COUNT PATTERN: so many lines of the last output match.
lines() {
    check
    found=$(grep -cE -e "$2" "$out")
    [ "$found" -eq "$1" ] || fail "$found lines instead of $1 match $2"
}

# json SCRIPT: a JavaScript expression over the array `all` of objects in the last output, which has to be true.
json() {
    check
    node -e 'const all = require("fs").readFileSync(0, "utf8").trim().split("\n").map(line => JSON.parse(line));
        process.exit(eval(process.argv[1]) ? 0 : 1)' "$1" <"$out" || fail "JSON: $1"
}

# start NAME COMMAND...: in the background; waits for its line `listening on ADDRESS`, sets $address and $child. All it
# prints goes to $scratch/NAME.log.
start() {
    name=$1
    shift
    mkfifo "$scratch/$name.pipe"
    "$@" >"$scratch/$name.pipe" 2>&1 </dev/null &
    child=$!
    children="$children $child"
    exec 3<"$scratch/$name.pipe"
    IFS= read -r first <&3 || first=
    { echo "$first"; cat; } <&3 >"$scratch/$name.log" &
    exec 3<&-
    address=${first#*listening on }
    address=${address%%\"*}
    [ "$address" != "$first" ] || { fail "$name: $first"; finish; }
}

# stop PID: ends it and waits for it; its exit code is in $code.
stop() {
    kill "$1" 2>/dev/null
    code=0
    wait "$1" || code=$?
}

# await_text FILE TEXT: waits until a growing file says that, 10 seconds at most.
await_text() {
    check
    : >>"$1"
    node -e 'const fs = require("fs"), [file, text] = process.argv.slice(1);
        const look = () => fs.readFileSync(file, "utf8").includes(text) && process.exit(0);
        fs.watch(file, look);
        look();
        setTimeout(() => process.exit(1), 10000)' "$1" "$2" || fail "${1##*/} never said: $2"
}

# bytes HEX...: the bytes themselves.
bytes() {
    for pair in $(echo "$*" | tr -d ' ' | sed 's/../& /g'); do
        # shellcheck disable=SC2059 # the format is the byte
        printf "\\$(printf %03o "0x$pair")"
    done
}

finish() {
    : >>"$scratch/failures"
    echo "$(wc -l <"$scratch/checks") checks, $(wc -l <"$scratch/failures") failed"
    [ ! -s "$scratch/failures" ] && [ -s "$scratch/checks" ]
    exit
}
