// SPDX-License-Identifier: MIT
// A broker of MQTT 3.1.1 that lies: it does what its first argument says to every 100th message that it delivers.
// It prints `listening on ADDRESS`.
import net from "node:net";

const [lie] = process.argv.slice(2);
const subscribers = [];
let count = 0, held = null;

function length(size) {
    const bytes = [];
    do {
        bytes.push((size % 128) | (size >= 128 ? 128 : 0));
        size = Math.floor(size / 128);
    } while (size > 0);
    return Buffer.from(bytes);
}

function publish(topic, payload, flags, id) {
    const name = Buffer.from(topic), head = Buffer.from([name.length >> 8, name.length & 255]);
    const ids = flags & 6 ? Buffer.from([id >> 8, id & 255]) : Buffer.alloc(0);
    const body = Buffer.concat([head, name, ids, payload]);
    return Buffer.concat([Buffer.from([0x30 | flags]), length(body.length), body]);
}

const lies = {
    honest: (to, topic, payload, flags, id) => to.write(publish(topic, payload, flags, id)),
    drop: () => {},
    double: (to, topic, payload, flags, id) => {
        to.write(publish(topic, payload, flags, id));
        to.write(publish(topic, payload, flags, id));
    },
    swap: (to, topic, payload, flags, id) => (held = publish(topic, payload, flags, id)),
    change: (to, topic, payload, flags, id) => {
        const other = Buffer.from(payload);
        other[other.length - 1] ^= 1;
        to.write(publish(topic, other, flags, id));
    },
    shorten: (to, topic, payload, flags, id) => to.write(publish(topic, payload.subarray(1), flags, id)),
    retain: (to, topic, payload, flags, id) => to.write(publish(topic, payload, flags | 1, id)),
    lower: (to, topic, payload) => to.write(publish(topic, payload, 0, 0)),
    rename: (to, topic, payload, flags, id) => to.write(publish(topic + "x", payload, flags, id)),
    misdirect: (to, topic, payload, flags, id) =>
        subscribers.find(other => other.to !== to).to.write(publish(topic, payload, flags, id)),
    hang: (to) => to.destroy(),
};

function deliver(topic, payload, flags, id) {
    for (const { to, filter } of subscribers) {
        if (filter !== topic && !(filter.endsWith("#") && topic.startsWith(filter.slice(0, -1))))
            continue;
        const act = ++count % 100 === 50 ? lies[lie] ?? lies.honest : lies.honest;
        const before = held;
        act(to, topic, payload, flags, id);
        if (before) {
            to.write(before);
            held = null;
        }
    }
}

function take(socket, type, flags, body) {
    const id = body.length >= 2 ? body.readUInt16BE(0) : 0;
    if (type === 1) {
        socket.write(Buffer.from([0x20, 2, 0, lie === "refuse" ? 5 : 0]));
    } else if (type === 8) {
        subscribers.push({ to: socket, filter: body.toString("utf8", 4, 4 + body.readUInt16BE(2)) });
        socket.write(Buffer.from([0x90, 3, body[0], body[1], lie === "deny" ? 0x80 : body[body.length - 1]]));
    } else if (type === 3) {
        const end = 2 + id, qos = (flags >> 1) & 3, packetId = qos ? body.readUInt16BE(end) : 0;
        deliver(body.toString("utf8", 2, end), body.subarray(end + (qos ? 2 : 0)), flags & 6, packetId);
        if (qos === 1 && !(lie === "silent" && count % 100 === 50))
            socket.write(Buffer.from([0x40, 2, packetId >> 8, packetId & 255]));
        if (qos === 1 && lie === "twice" && count % 100 === 50)
            socket.write(Buffer.from([0x40, 2, packetId >> 8, packetId & 255]));
    } else if (type === 12) {
        socket.write(Buffer.from([0xd0, 0]));
    }
}

// The first whole packet is taken. Returns what is left, or null when there is none.
function step(socket, bytes) {
    let size = 0, at = 1;
    for (; at < 5; at++) {
        if (at >= bytes.length)
            return null;
        size |= (bytes[at] & 127) << (7 * (at - 1));
        if (bytes[at++] < 128)
            break;
        at--;
    }
    if (bytes.length < at + size)
        return null;
    take(socket, bytes[0] >> 4, bytes[0] & 15, bytes.subarray(at, at + size));
    return bytes.subarray(at + size);
}

const server = net.createServer({ noDelay: true }, (socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (more) => {
        bytes = Buffer.concat([bytes, more]);
        for (let left = step(socket, bytes); left; left = step(socket, bytes))
            bytes = left;
    });
});
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
