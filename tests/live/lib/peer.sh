# SPDX-License-Identifier: MIT
# What the tests share that need a peer which we did not write; to be sourced. $NODE_DIR holds node_modules.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"

# Without the peer the test cannot be run. That is told (exit code 77), and in CI it is a failure.
without() {
    echo "not run: $1; ./dev test installs it"
    [ -n "${CI:-}" ] && exit 1
    exit 77
}

need_program() { # NAME...
    for program; do
        command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || without "there is no $program"
    done
    PATH=$PATH:/usr/sbin
}

need_module() { # NAME...
    command -v node >/dev/null || without "there is no node"
    for module; do
        [ -d "${NODE_DIR:=${SOURCE_DIR:-.}/build/peers}/node_modules/$module" ] || without "there is no npm $module in $NODE_DIR"
    done
    export NODE_DIR
}

# holds OPTIONS...: the transcript of standard input holds between `mqw open` and the server at $address.
holds() {
    cat >"$scratch/transcript"
    run 0 "$MQW" open --expect --script "$scratch/transcript" "$@" "$address"
    [ "$code" -eq 0 ] || sed 's/^/    transcript: /' "$scratch/transcript"
}

# A port that is free at the moment.
free_port() {
    node -e 'const server = require("net").createServer();
        server.listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); })'
}
