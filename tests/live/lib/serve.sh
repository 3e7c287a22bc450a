# SPDX-License-Identifier: MIT
# What the tests of mqw serve share; to be sourced after peer.sh.
export XDG_CONFIG_HOME="$scratch" # nobody's habits

# serve NAME OPTIONS...: a broker in the background; waits until it is ready. Its log is in $scratch/NAME.log, its process
# is $child.
serve() {
    name=$1
    shift
    : >"$scratch/$name.log"
    "$MQW" serve "$@" </dev/null >"$scratch/$name.log" 2>&1 &
    child=$!
    children="$children $child"
    await_text "$scratch/$name.log" ready
    grep -q ready "$scratch/$name.log" || { cat "$scratch/$name.log"; finish; }
}

# address NAME PATTERN: where it listens, of the addresses that match.
address() {
    sed -nE 's/.*listening.* on=([^ ]*).*/\1/p' "$scratch/$1.log" | grep -E "$2" | head -n 1
}
port() { # NAME PATTERN
    address "$@" | sed -E 's|.*:([0-9]+).*|\1|'
}

# logged NAME PATTERN: a line of the log matches, now or soon.
logged() {
    check
    node -e 'const fs = require("fs"), [file, pattern] = process.argv.slice(1), wanted = new RegExp(pattern, "m");
        const look = () => wanted.test(fs.readFileSync(file, "utf8")) && process.exit(0);
        fs.watch(file, look);
        look();
        setTimeout(() => process.exit(1), 10000)' "$scratch/$1.log" "$2" || fail "$1.log has no line $2"
}
not_logged() { # NAME PATTERN
    check
    ! grep -qE -e "$2" "$scratch/$1.log" || fail "$1.log has a line $2"
}

# ends CODE PID SIGNAL: the broker ends with that code when it hears the signal.
ends() {
    check
    kill "-$3" "$2"
    code=0
    wait "$2" || code=$?
    [ "$code" -eq "$1" ] || fail "SIG$3 ended it with $code instead of $1"
}
