#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw pub and mqw sub: what a server and other clients have written reaches no terminal as a command, and no password of
# an address is shown. The server is a few lines of node, which say what no decent server says.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
export HOME="$scratch/home" XDG_CONFIG_HOME= TERM=xterm
mkdir -p "$scratch/home"

# server MODE: says what it says by its mode, on $scratch/MODE.socket. For the background: it takes the shell's place.
server() {
    exec node -e '
        const [mode, path] = process.argv.slice(1);
        const evil = Buffer.from("\x1b]0;title\x07\u009b31m\x7f\r\nmqw: all is well");
        const text = bytes => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length]), bytes]);
        const number = n => Buffer.from(n < 128 ? [n] : n < 16384 ? [n & 127 | 128, n >> 7]
            : [n & 127 | 128, n >> 7 & 127 | 128, n >> 14 & 127 | 128, n >> 21].slice(0, n < 2097152 ? 3 : 4));
        const sized = bytes => Buffer.concat([number(bytes.length), bytes]);
        const packet = (first, ...parts) => Buffer.concat([Buffer.from([first]), sized(Buffer.concat(parts))]);
        const reason = sized(Buffer.concat([Buffer.from([0x1f]), text(evil)]));
        const accepted = packet(0x20, Buffer.from([0, 0, 0]));
        const subscribed = request => packet(0x90, request.subarray(2, 4), Buffer.from([0, 0]));
        const publish = (topic, payload) => packet(0x31, text(topic), Buffer.from([0]), payload);
        const large = publish(Buffer.from("t"), Buffer.alloc(3000000, "\u009b"));
        const answers = {
            refused: [() => packet(0x20, Buffer.from([0, 0x87]), reason)],
            ended: [() => accepted, request => Buffer.concat([subscribed(request),
                packet(0xe0, Buffer.from([0x8b]), reason)])],
            message: [() => accepted, request => Buffer.concat([subscribed(request),
                publish(Buffer.concat([Buffer.from("t/"), evil]), Buffer.concat([evil, Buffer.from([0x9b, 0x41])]))])],
            pieces: [() => accepted, request => Buffer.concat([subscribed(request), large.subarray(0, 30)])],
        };
        require("net").createServer(socket => {
            const script = answers[mode].slice();
            let at = 30;
            const more = () => {
                if (at < 300) socket.write(large.subarray(at, at += 7), () => setImmediate(more));
                else socket.write(large.subarray(at));
            };
            socket.setNoDelay(true);
            socket.on("error", () => {});
            socket.on("data", data => {
                const next = script.shift();
                if (next) socket.write(next(data), () => mode === "pieces" && !script.length && more());
            });
        }).listen(path, () => console.log("listening on unix:" + path));
    ' "$1" "$scratch/$1.socket"
}

# harmless FILE: no byte in it commands a terminal. Colours are our own.
harmless() {
    check
    sed "s/$(printf '\033')\[[0-9;]*[mK]//g; s/$(printf '\r')\$//" "$1" >"$scratch/bare"
    ! LC_ALL=C grep -qaP '[\x00-\x08\x0B-\x1F\x7F]|\xC2[\x80-\x9F]|(?<![\xC2-\xF4])(?<![\xE0-\xF4].)[\x80-\x9F]' \
        "$scratch/bare" || fail "$1 commands the terminal: $(head -c 400 "$scratch/bare" | od -c | head -n 20)"
}

# --- standard error -----------------------------------------------------------------------------------------

start refused server refused
run 135 "$MQW" sub -t x -i me "$address"
error_says 'not authorized: \x1B]0;title\x07\x9B31m\x7F\x0D\x0Amqw: all is well'
harmless "$err"
stop "$child"

start ended server ended
run 139 "$MQW" sub -t x -i me --no-reconnect "$address"
error_says '\x1B]0;title'
harmless "$err"
stop "$child"

start message server message
run 0 "$MQW" sub -t '#' -i me -C 1 -F %J "$address"
error_says 'the payload is not valid JSON, on topic t/\x1B]0;title'
harmless "$err"

# --- standard output, when it is a terminal ------------------------------------------------------------------

# shown NAME OPTION...: what sub prints on a terminal is in $scratch/NAME.
shown() {
    name=$1
    shift
    check
    timeout 30 script -qec "'$MQW' sub -i me -t '#' -C 1 $*" "$scratch/$name.raw" </dev/null >"$scratch/script.out" ||
        fail "$name: $?"
    sed '/^Script /d' "$scratch/$name.raw" >"$scratch/$name"
    harmless "$scratch/$name"
}

if command -v script >/dev/null; then
    shown verbose -v "$address"
    grep -qF 't/\x1B]0;title\x07\x9B31m\x7F' "$scratch/verbose" || fail 'verbose'
    shown format -F "'%t %p %20.4t'" "$address"
    grep -qF '\x9BA' "$scratch/format" || fail 'a byte that is no UTF-8'
    shown json -F %j "$address"
    grep -qF '\u009B31m\u007F' "$scratch/json" || fail 'JSON'
    shown object -j "$address"
    grep -qF '\u009B31m\u007F' "$scratch/object" || fail '--json'
fi
stop "$child"

start pieces server pieces
if command -v script >/dev/null; then
    shown pieces "$address"
    check
    [ "$(tr -cd '\\' <"$scratch/pieces" | wc -c)" -eq 1500000 ] || fail 'a character over two pieces'
fi
run 0 "$MQW" sub -t '#' -i me -C 1 "$address"
check
[ "$(wc -c <"$out")" -eq 3000001 ] || fail 'what is no terminal gets the bytes as they are'
stop "$child"

# --- passwords in addresses -----------------------------------------------------------------------------------

run 1 "$MQW" pub -m x -t t -L mqtt://one:secret1@127.0.0.1:1 -L mqtt://two:secret2@127.0.0.1:99999
error_says 'cannot connect to mqtt://127.0.0.1:1 mqtt://127.0.0.1:99999'
check
! grep -q secret "$err" || fail 'passwords are shown'
for scheme in mqtt ws; do
    run 1 "$MQW" pub -m x -t t "$scheme://one:sec/ret@127.0.0.1/t"
    error_says 'is written %2F'
    check
    ! grep -q sec "$err" || fail 'a part of the password is shown'
done
finish
