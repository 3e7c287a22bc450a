#!/bin/sh
# SPDX-License-Identifier: MIT
# mqw serve among hostile clients: names that pretend to be something else, and logins that overtake a reload.
. "${SOURCE_DIR:-.}/tests/live/lib/peer.sh"
. "${SOURCE_DIR:-.}/tests/live/lib/serve.sh"

# --- client identifiers that stand in rules -------------------------------------------------------------------

printf 'pattern readwrite %%c/#\npattern readwrite dev/%%c/#\n' >"$scratch/acl"
serve rules --acl "$scratch/acl" --allow-anonymous mqtt://127.0.0.1:0
rules=$(port rules mqtt) rules_pid=$child
subscribes() { # CLIENT FILTER REASON
    printf 'CONNECT version=5 client_id="%s" clean_start\n.wait CONNACK\nSUBSCRIBE packet_id=1 filter="%s":1\n.wait SUBACK\n' \
        "$1" "$2" >"$scratch/lines"
    run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$rules"
    says "SUBACK packet_id=1 reasons=$3"
}
publishes() { # CLIENT TOPIC REASON
    printf 'CONNECT version=5 client_id="%s" clean_start\n.wait CONNACK\nPUBLISH topic="%s" payload="x" qos=1 packet_id=1\n.wait PUBACK\n' \
        "$1" "$2" >"$scratch/lines"
    run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$rules"
    says "PUBACK packet_id=1 reason=$3"
}
# shellcheck disable=SC2016 # a dollar of MQTT's
{
    subscribes own 'own/#' 0x01
    subscribes own 'dev/own/#' 0x01
    subscribes '$SYS' '$SYS/#' 0x87 # the server's topics are nobody's by name
    subscribes '$SYS' '$SYS/broker/uptime' 0x87
    subscribes '$x' 'dev/$x/#' 0x01
}
publishes '+' 'own/a' 0x87
publishes '#' 'own/a' 0x87
publishes 'own/a' 'dev/own/a/b' 0x87
publishes '%c' 'dev/own/a' 0x87

# --- client identifiers that look like another line of the log ------------------------------------------------

printf 'CONNECT version=5 client_id="x\\\\\\" user=root text=\\"" clean_start\n.wait CONNACK\n' >"$scratch/lines"
run 0 "$MQW" open --full --script "$scratch/lines" "mqtt://127.0.0.1:$rules"
logged rules 'connected client="x\\\\\\" user=root text=\\"" from='
ends 0 "$rules_pid" TERM

# --- HTTP: more connections than there may be, that say nothing ------------------------------------------------

serve health --metrics 127.0.0.1:0 mqtt://127.0.0.1:0
metrics=$(address health http | sed -E 's|.*:([0-9]+)/.*|\1|') health_pid=$child
cat >"$scratch/crowd.mjs" <<'JS'
// Holds 60 connections, then closes them all at once for the broker: whoever asks is answered behind them.
import net from "net";
const port = Number(process.argv[2]), broker = Number(process.argv[3]), crowd = [];
const open = () => new Promise(done => {
    const one = net.connect(port, "127.0.0.1", () => { one.write("GET /metrics HTTP/1.1\r\nX: "); done(one); });
    one.on("error", () => {});
});
for (let i = 0; i < 60; i++)
    crowd.push(await open());
const asks = await open();
process.kill(broker, "SIGSTOP");
await Promise.all(crowd.map(one => new Promise(done => one.on("close", done).destroy())));
process.kill(broker, "SIGCONT");
asks.end("y\r\nHost: h\r\nConnection: close\r\n\r\n");
asks.on("data", answer => { console.log(String(answer).split("\r\n")[0]); process.exit(0); });
setTimeout(() => process.exit(1), 40000);
JS
run 0 node "$scratch/crowd.mjs" "$metrics" "$health_pid"
says '200 OK'
# an upload is refused before it is read
printf 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' >"$scratch/post"
run 0 node -e 'const s = require("net").connect(process.argv[1], "127.0.0.1"); s.pipe(process.stdout);
    s.write(require("fs").readFileSync(process.argv[2])); s.on("close", () => process.exit(0));
    setTimeout(() => process.exit(1), 15000)' "$metrics" "$scratch/post"
says '405 Method Not Allowed'
ends 0 "$health_pid" TERM
finish
