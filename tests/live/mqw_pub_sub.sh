#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw pub and mqw sub: every kind of address, lines, large files, back-pressure both ways, closed and slow standard
# output, signals, reconnecting, figures. The servers are mqw listen, and a few lines of node where one has to misbehave.
. "${SOURCE_DIR:-.}/tests/live/lib/mqw.sh"
export HOME="$scratch/home" XDG_CONFIG_HOME=
mkdir -p "$scratch/home"

# in_background NAME COMMAND...: both outputs go to $scratch/NAME.out and .err; sets $child.
in_background() {
    name=$1
    shift
    : >"$scratch/$name.out"
    : >"$scratch/$name.err"
    timeout --foreground 60 "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null &
    child=$!
    children="$children $child"
}
# ends CODE: how the last one in the background ends, within its time.
ends() {
    check
    code=0
    wait "$child" || code=$?
    [ "$code" -eq "$1" ] || fail "$name ended with $code instead of $1: $(cat "$scratch/$name.err")"
}
# await_count FILE TEXT COUNT: waits until a growing file has the text so often.
await_count() {
    check
    node -e 'const fs = require("fs"), [file, text, count] = process.argv.slice(1);
        const look = () => fs.readFileSync(file, "utf8").split(text).length > Number(count) && process.exit(0);
        fs.watch(file, look), look(), setTimeout(() => process.exit(1), 10000)' "$1" "$2" "$3" ||
        fail "${1##*/} has not $3 times: $2"
}

# --- every kind of address ----------------------------------------------------------------------------------

if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$scratch/key.pem" -out "$scratch/cert.pem" \
        2>"$err" || fail 'openssl makes no certificate'
    layered='mqtts://127.0.0.1:0 wss://127.0.0.1:0'
fi
index=0
for address in tcp://127.0.0.1:0 ws://127.0.0.1:0 "unix:$scratch/plain.socket" ${layered:-}; do
    index=$((index + 1))
    case $address in
    mqtts* | wss*)
        start "each$index" "$MQW" listen --answer --echo --cert "$scratch/cert.pem" --key "$scratch/key.pem" "$address"
        trust=--cafile=$scratch/cert.pem
        ;;
    *) start "each$index" "$MQW" listen --answer --echo "$address" && trust= ;;
    esac
    versions=5
    case $address in tcp:*) versions='31 311 5' ;; esac
    subacks=0
    for version in $versions; do
        subacks=$((subacks + 1))
        # shellcheck disable=SC2086 # an option, or none
        in_background "sub$index-$version" "$MQW" sub -V $version -i "sub-$version" -q 2 -t 'a/#' -C 3 -v $trust "$address"
        await_count "$scratch/each$index.log" SUBACK "$subacks"
        for qos in 0 1 2; do
            # shellcheck disable=SC2086
            run 0 "$MQW" pub -V $version -q $qos -t "a/$qos" -m "é $qos" $trust "$address"
        done
        ends 0
        cp "$scratch/$name.out" "$out"
        for qos in 0 1 2; do
            lines 1 "^a/$qos é $qos\$"
        done
    done
done
# what is refused, in words
if [ -n "${layered:-}" ]; then
    run 8 "$MQW" pub -t a -m x "$address"
    error_says certificate
    run 8 "$MQW" pub -t a -m x --cafile "$scratch/cert.pem" --server-name example.org "$address"
    error_says example.org
    run 0 "$MQW" pub -t a -m x --no-verify "$address"
fi

start server "$MQW" listen --answer --echo "unix:$scratch/server.socket"
server=$address server_pid=$child server_log=$scratch/server.log

# --- lines ----------------------------------------------------------------------------------------------------

in_background lines "$MQW" sub -q 1 -t lines -C 5000 "$server"
await_text "$server_log" 'filter="lines":1'
seq 1 5000 >"$scratch/numbers"
run 0 "$MQW" pub -q 1 -t lines -l "$server" <"$scratch/numbers"
ends 0
cmp -s "$scratch/numbers" "$scratch/lines.out" || fail 'lines are lost, doubled or out of order'
# the last line needs no line feed, an empty one is a message, and the last of QoS 0 has left when it ends
in_background few "$MQW" sub -t few -C 3 -F '[%p]' "$server"
await_text "$server_log" 'filter="few":0'
printf 'one\n\nthree' | run 0 "$MQW" pub -t few -l --json "$server"
lines 3 '"event":"published"'
ends 0
[ "$(cat "$scratch/few.out")" = "$(printf '[one]\n[]\n[three]')" ] || fail 'not these lines'
: | run 0 "$MQW" pub -t few -l "$server"
in_background window "$MQW" sub -q 1 -t window -C 50 "$server"
await_text "$server_log" 'filter="window":1'
head -n 50 "$scratch/numbers" | run 0 "$MQW" pub -q 2 -M 1 -t window -l "$server"
ends 0
head -n 50 "$scratch/numbers" | cmp -s - "$scratch/window.out" || fail '-M 1: not these lines'
in_background repeated "$MQW" sub -t repeated -C 4 "$server"
await_text "$server_log" 'filter="repeated":0'
run 0 "$MQW" pub -t repeated -m again --repeat 4 --repeat-delay 0.02 --stats "$server"
error_says '4 messages sent, 20 B in'
ends 0

# --- files -------------------------------------------------------------------------------------------------------

head -c 3000000 /dev/urandom >"$scratch/file"
start large "$MQW" listen --answer --echo --max-packet 4000000 "unix:$scratch/large.socket"
for way in file stdin pipe; do
    in_background "whole-$way" "$MQW" sub -q 1 -t file -C 1 -N "$address"
    await_count "$scratch/large.log" 'SUBACK' "$(($(grep -c SUBACK "$scratch/large.log") + 1))"
    case $way in
    file) run 0 "$MQW" pub -q 1 -t file -f "$scratch/file" --progress always --color never "$address" ;;
    stdin) run 0 "$MQW" pub -q 1 -t file -s "$address" <"$scratch/file" ;;
    pipe) cat "$scratch/file" | run 0 "$MQW" pub -q 1 -t file -s "$address" ;;
    esac
    ends 0
    check
    cmp -s "$scratch/file" "$scratch/whole-$way.out" || fail "-$way: not the same bytes"
done

# a file whose size is not what it says
in_background proc "$MQW" sub -t proc -C 1 "$server"
await_text "$server_log" 'filter="proc":0'
run 0 "$MQW" pub -t proc -f /proc/version "$server"
ends 0
check
cmp -s /proc/version "$scratch/proc.out" || grep -qxF "$(cat /proc/version)" "$scratch/proc.out" || fail '-f /proc/version: not its text'

# a connection that is lost for good ends it, however much is left to publish
in_background brief "$MQW" listen --answer --once "unix:$scratch/brief.socket"
await_text "$scratch/brief.out" 'listening on'
brief=$child
timeout 20 "$MQW" pub -q 1 -t left -m more --repeat 400000000 --no-reconnect "unix:$scratch/brief.socket" 2>"$err" &
left=$!
await_text "$scratch/brief.out" PUBACK
kill "$brief"
check
code=0
wait "$left" || code=$?
[ "$code" -eq 7 ] || fail "a lost connection ends pub --repeat with $code instead of 7: $(cat "$err")"

# --- standard output -----------------------------------------------------------------------------------------

# a reader that goes ends it well, and with DISCONNECT
in_background listener "$MQW" listen --answer --echo --once "unix:$scratch/head.socket"
await_text "$scratch/listener.out" 'listening on'
listener=$child
mkfifo "$scratch/head"
timeout 20 "$MQW" sub -t h "unix:$scratch/head.socket" >"$scratch/head" 2>"$err" &
child=$! name=head
exec 3<"$scratch/head"
await_text "$scratch/listener.out" 'S> SUBACK'
exec 3<&-
: >"$scratch/head.err"
ends 0
await_text "$scratch/listener.out" 'C> DISCONNECT'
wait "$listener"
# a full disk does not
if [ -w /dev/full ]; then
    in_background full sh -c 'exec "$0" "$@" >/dev/full' "$MQW" sub -t full "$server"
    await_text "$server_log" 'filter="full":0'
    run 0 "$MQW" pub -t full -m x "$server"
    ends 14
    await_text "$scratch/full.err" 'standard output cannot be written: No space left'
fi

# closed descriptors are not mistaken for others
run 0 "$MQW" pub -t closed -l "$server" <&-
check
timeout 20 "$MQW" pub -t closed -m x -q 1 "$server" <&- >&- 2>&- || fail "all descriptors closed: $?"
in_background none sh -c 'exec "$0" "$@" >&-' "$MQW" sub -t none "$server"
await_text "$server_log" 'filter="none":0'
run 0 "$MQW" pub -t none -m x "$server"
ends 14
await_text "$scratch/none.err" 'standard output cannot be written'

# --- servers that do not follow, and readers that do not ---------------------------------------------------------

cat >"$scratch/pressure.js" <<'SCRIPT'
// pressure.js CASE MQW: a server that accepts and then reads nothing more (pub), or sends without end to a subscriber
// whose output nobody reads (sub). Prints how many bytes went in before it stood still, and the memory of mqw.
const net = require("net"), fs = require("fs"), { spawn } = require("child_process");
const [kind, mqw, qos] = process.argv.slice(2), still = 700;
let moved = 0, over = false, quiet, child;
const memory = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]);
const report = () => {
    over = true;
    console.log(JSON.stringify({ moved, memory: memory() }));
    child.kill("SIGINT");
    if (kind === "pub")
        setTimeout(() => child.kill("SIGINT"), 300);
};
const pump = (stream, chunk) => { // until it stands still for a while
    if (over)
        return;
    clearTimeout(quiet);
    quiet = setTimeout(report, still);
    while (stream.write(chunk))
        moved += chunk.length;
    moved += chunk.length;
    stream.once("drain", () => pump(stream, chunk));
};
const message = Buffer.concat([Buffer.from([0x30, 0x87, 0x08, 0, 1, 0x74, 0]), Buffer.alloc(1027, 0x61)]);
const server = net.createServer(socket => {
    socket.on("error", () => {});
    socket.once("data", () => {
        socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
        if (kind === "pub") {
            socket.pause();
            pump(child.stdin, Buffer.from(("x".repeat(99) + "\n").repeat(100)));
        } else {
            socket.once("data", subscribe => {
                socket.write(Buffer.from([0x90, 4, subscribe[2], subscribe[3], 0, 0]));
                pump(socket, message);
            });
        }
    });
}).listen(0, "127.0.0.1", () => {
    const address = `tcp://127.0.0.1:${server.address().port}`;
    const words = kind === "pub"
        ? ["pub", "-i", "p", "-t", "t", "-l", "-q", qos, address]
        : ["sub", "-i", "s", "-t", "t", address];
    child = spawn(mqw, words, { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.on("error", () => {});
    child.stdout.pause();
    child.on("exit", (code, signal) => {
        console.log(JSON.stringify({ code, signal }));
        process.exit(0);
    });
});
setTimeout(() => process.exit(1), 25000);
SCRIPT
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=4"
for words in 'pub 0' 'pub 1' 'sub 0'; do # side by side, because they wait
    # shellcheck disable=SC2086 # two words
    set -- $words
    timeout --foreground 30 node "$scratch/pressure.js" "$1" "$MQW" "$2" >"$scratch/pressure-$1-$2" 2>&1 &
    children="$children $!"
    pressed="${pressed:-} $!"
done
for child in $pressed; do
    check
    wait "$child" || fail "pressure.js: $?"
done
for qos in 0 1; do
    # 10,000 messages of 100 bytes wait in the client, the rest in the pipe and in node
    cp "$scratch/pressure-pub-$qos" "$out"
    json 'all[0].moved > 1e6 && all[0].moved < 40e6 && all[0].memory < 150000'
    json 'all[1].code === 1 || all[1].signal === "SIGINT"'
done
cp "$scratch/pressure-sub-0" "$out"
json 'all[0].moved > 1e6 && all[0].moved < 40e6 && all[0].memory < 150000'
json 'all[1].code === 0'

# --- signals -----------------------------------------------------------------------------------------------------

for signal in INT TERM HUP; do
    in_background "signal-$signal" "$MQW" sub -i "$signal" -t "signal/$signal" "$server"
    await_text "$server_log" "filter=\"signal/$signal\":0"
    kill -s $signal "$child"
    ends 0
done
await_count "$server_log" 'C> DISCONNECT' 3

# --- coming back ---------------------------------------------------------------------------------------------------

start first "$MQW" listen --answer --echo "unix:$scratch/back.socket"
first=$child
in_background back "$MQW" sub -t back -q 1 -C 1 "unix:$scratch/back.socket"
back=$child
await_text "$scratch/first.log" 'S> SUBACK'
stop "$first"
await_text "$scratch/back.err" 'trying again in'
start second "$MQW" listen --answer --echo "unix:$scratch/back.socket"
await_text "$scratch/second.log" 'S> SUBACK' # by itself
await_text "$scratch/back.err" "connected to unix:$scratch/back.socket again"
run 0 "$MQW" pub -t back -m again -q 1 "unix:$scratch/back.socket"
await_text "$scratch/back.out" again
child=$back name=back
ends 0

# a server that is killed in the middle: what it had not answered goes to the next one, so that nothing is lost
start killed "$MQW" listen --answer "unix:$scratch/killed.socket"
killed=$child
seq 1 20000 >"$scratch/many"
mkfifo "$scratch/lines-of-many"
: >"$scratch/many.err"
timeout --foreground 60 "$MQW" pub -i many -q 1 -t many -l "unix:$scratch/killed.socket" <"$scratch/lines-of-many" \
    2>"$scratch/many.err" &
many=$!
children="$children $many"
exec 5>"$scratch/lines-of-many"
head -n 1000 "$scratch/many" >&5
await_count "$scratch/killed.log" 'C> PUBLISH' 300
kill -s KILL "$killed"
wait "$killed" 2>/dev/null
tail -n +1001 "$scratch/many" >&5 &
exec 5>&-
await_text "$scratch/many.err" 'the connection is lost'
start survivor "$MQW" listen --answer "unix:$scratch/killed.socket"
child=$many name=many
ends 0
check
sed -n 's/.*C> PUBLISH topic="many" payload="\([0-9]*\)".*/\1/p' "$scratch/killed.log" "$scratch/survivor.log" |
    sort -nu | cmp -s - "$scratch/many" || fail 'messages are lost when the server is killed'

# --no-reconnect, and the first connection with --retry
start third "$MQW" listen --answer "unix:$scratch/third.socket"
third=$child
in_background lost "$MQW" sub -t lost --no-reconnect "unix:$scratch/third.socket"
lost=$child
await_text "$scratch/third.log" 'S> SUBACK'
stop "$third"
child=$lost name=lost
ends 7
await_text "$scratch/lost.err" 'the connection is lost'
in_background late "$MQW" pub -t late -m x -q 1 --retry "unix:$scratch/late.socket"
late=$child
await_text "$scratch/late.err" 'trying again in'
start late-server "$MQW" listen --answer "unix:$scratch/late.socket"
child=$late name=late
ends 0
# several servers: the second one takes it
run 0 "$MQW" pub -t a -m x -q 1 "unix:$scratch/nobody" "$server"
error_says "unix:$scratch/nobody"
error_says 'trying at once'

# --- figures, and what a terminal is spared ---------------------------------------------------------------------------

run 0 "$MQW" pub -t a -m x -q 1 --stats --json "$server"
json 'all[0].event === "published" && all[0].reason === 0 && all[0].qos === 1'
cp "$err" "$out"
json 'all[0].event === "stats" && all[0].messages === 1 && all[0].bytes === 1 && all[0].seconds > 0'
in_background colour "$MQW" sub -v -t colour -C 1 --color always "$server"
await_text "$server_log" 'filter="colour":0'
run 0 "$MQW" pub -t colour -m x "$server"
ends 0
grep -q "$(printf '\033')\[1;36mcolour" "$scratch/colour.out" || fail 'no colour'
if command -v script >/dev/null; then
    in_background terminal script -qec "$MQW sub -v -t terminal -C 1 $server" "$scratch/typescript"
    await_text "$server_log" 'filter="terminal":0'
    run 0 "$MQW" pub -t terminal -m "$(printf 'a\033]0;title\007b\302\233')" "$server"
    ends 0
    grep -qF 'a\x1B]0;title\x07b\x9B' "$scratch/typescript" || fail 'control characters reach the terminal'
fi
stop "$server_pid"
finish
