# SPDX-License-Identifier: MIT
# What the tests of WebSocket with other programs share; to be sourced after peer.sh.

# A certificate for 127.0.0.1 and localhost that is its own authority: $scratch/cert.pem, $scratch/key.pem.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=localhost" \
        -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$scratch/key.pem" -out "$scratch/cert.pem" \
        2>"$err" || { fail "openssl cannot make a certificate"; finish; }
}

# await_listener PORT: waits until somebody listens there, 10 seconds at most. False: nobody does.
await_listener() {
    node -e 'const net = require("net"), end = Date.now() + 10000;
        const attempt = () => {
            const socket = net.connect(Number(process.argv[1]), "127.0.0.1", () => process.exit(0));
            socket.on("error", () => Date.now() < end ? setTimeout(attempt, 20) : process.exit(1));
        };
        attempt()' "$1"
}
