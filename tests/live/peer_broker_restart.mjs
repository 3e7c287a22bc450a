// SPDX-License-Identifier: MIT
// npm's mqtt client and a broker that goes and comes back: peer_broker_restart.mjs DIRECTORY-OF-node_modules MQW STORE
import { spawn } from 'node:child_process'
import { Guest, done, event, same, within, words } from './peer_broker_guest.mjs'

const [, , , mqw, store] = process.argv

// `mqw serve`, once it is ready; `port` is 0 for the first time.
async function serve (port) {
  const child = spawn(mqw, ['serve', '--store', store, `mqtt://127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  process.on('exit', () => child.kill('SIGKILL'))
  let log = ''
  const ready = new Promise(resolve => child.stderr.on('data', data => { log += data; if (/ready/.test(log)) resolve() }))
  await within(Promise.race([ready, event(child, 'exit')]), 'the broker')
  const [, url, found] = /on=(mqtt:\/\/\S*?:(\d+))/.exec(log.replaceAll('tcp://', 'mqtt://')) ?? []
  same(Boolean(url), true, `the broker says where it listens: ${log}`)
  return { child, url, port: found }
}

async function end (broker, signal) {
  const exit = event(broker.child, 'exit')
  broker.child.kill(signal)
  return exit
}

let broker = await serve(0)
const keep = { clean: false, properties: { sessionExpiryInterval: 600 } }
const reader = await Guest.in(broker, 5, { ...keep, clientId: 'reader', reconnectPeriod: 30 })
const sender = await Guest.in(broker, 5, { ...keep, clientId: 'sender', reconnectPeriod: 30 })
const brief = await Guest.in(broker, 5, { will: { topic: 'wills/brief', payload: 'w', qos: 1 } })
const old = await Guest.in(broker, 4, { clientId: 'old', clean: false, reconnectPeriod: 30 })
const everybody = [reader, sender, brief, old]
for (const guest of everybody) {
  guest.farewells = []
  guest.presents = []
  guest.client.on('disconnect', packet => guest.farewells.push(packet.reasonCode))
  guest.client.on('connect', packet => guest.presents.push(packet.sessionPresent))
  guest.client.on('error', () => {}) // while nobody listens
}
await reader.subscribe({ 'a/#': { qos: 2 }, 'wills/#': { qos: 1 } })
await old.subscribe('a/#', { qos: 2 })
await sender.publish('a/kept', 'k', { qos: 1, retain: true })
same((await reader.next()).map(words), ['a/kept k 1'], 'before')
same((await old.next()).map(words), ['a/kept k 1'], 'before')

// It drains: 5.0 hears 0x8B, wills are published. The clients come back by themselves, their sessions are there; who hears
// the will at once or from the queue does not matter.
same(await end(broker, 'SIGTERM'), 0, 'exit code')
await within(Promise.all(everybody.map(guest => guest.closed)), 'the end of all connections')
same([reader, sender, brief].map(guest => guest.farewells), [[0x8b], [0x8b], [0x8b]], 'server shutting down')
const during = sender.publish('a/during', 'd', { qos: 2 }) // the client keeps it until the broker is back
broker = await serve(broker.port)
await during
same((await reader.next(2)).map(words).sort(), ['a/during d 2', 'wills/brief w 1'], 'after')
same((await old.next()).map(words), ['a/during d 2'], 'after')
same([reader, sender, old].map(guest => guest.presents), [[true], [true], [true]], 'sessions are kept')

// It dies in the middle of many messages: nothing that was acknowledged is lost, nothing of QoS 2 comes twice, and what
// was not acknowledged the client sends again.
const numbers = Array.from({ length: 400 }, (_, i) => i)
// A PUBCOMP that the kill has swallowed: the PUBREL that comes again is answered with 0x92, which is no error (5.0 section
// 3.7.2.1), though this client says so.
const unknown = error => { if (error.code !== 0x92) throw error }
const all = numbers.map(i => sender.publish('a/many', `${i}`, { qos: 1 + i % 2 }).catch(i % 2 ? unknown : error => { throw error }))
await all[100]
await end(broker, 'SIGKILL')
broker = await serve(broker.port)
await Promise.all(all)
for (const guest of [reader, old]) {
  const enough = async () => {
    while (new Set(guest.inbox.map(m => `${m.payload}`)).size < numbers.length) await new Promise(resolve => { guest.wake = resolve })
  }
  await within(enough(), `all messages to ${guest.id}`)
  const twice = (await guest.all()).filter(m => m.packet.qos === 2).map(m => Number(m.payload)).sort((a, b) => a - b)
  same(twice, numbers.filter(i => i % 2), `exactly once to ${guest.id}`)
}

// What was not acknowledged when a connection is cut comes again in the next one, with DUP and its old identifier
// (v4:MQTT-4.4.0-1, v5:MQTT-4.4.0-1)
for (const guest of [reader, old]) {
  const holds = new Promise(resolve => {
    guest.client.handleMessage = (packet, callback) => { resolve({ packet, callback }) }
  })
  await sender.publish('a/held', 'h', { qos: 1 })
  const held = await within(holds, 'a message')
  const seen = guest.packets.length
  delete guest.client.handleMessage
  const again = event(guest.client, 'connect', 'another connection')
  guest.client.stream.destroy()
  await again
  const message = async () => {
    for (;;) {
      const found = guest.packets.slice(seen).find(packet => packet.cmd === 'publish' && packet.topic === 'a/held')
      if (found) return found
      await event(guest.client, 'packetreceive')
    }
  }
  const second = await within(message(), 'the message again')
  same([second.dup, second.messageId], [true, held.packet.messageId], `DUP for ${guest.id}`)
  await guest.all()
}

await Promise.all(everybody.map(guest => guest.client.endAsync(true)))
same(await end(broker, 'SIGTERM'), 0, 'exit code')
done()
