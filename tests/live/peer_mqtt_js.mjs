// SPDX-License-Identifier: MIT
// npm's mqtt client talks to a server on a port: peer_mqtt_js.mjs DIRECTORY-OF-node_modules PORT
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'

const [directory, port] = process.argv.slice(2)
const require = createRequire(path.resolve(directory, 'node_modules', 'mqtt', 'package.json'))
const { connectAsync } = require('mqtt')
let checks = 0

function same (actual, expected, what) {
  assert.deepEqual(actual, expected, what)
  checks++
}

// What a topic brings, up to `count` messages.
function collect (client, count) {
  const heard = []
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${heard.length} of ${count} messages came`)), 10000)
    client.on('message', function listen (topic, payload, packet) {
      heard.push({ topic, payload, packet })
      if (heard.length < count) return
      clearTimeout(timer)
      client.off('message', listen)
      resolve(heard)
    })
  })
}

const payloads = [Buffer.from('héllo'), Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.alloc(200000, 'x')]

// Each payload at each QoS; the client ends a QoS 1 or 2 publish only when its acknowledgements have come.
async function exchange (client, version) {
  const topics = [0, 1, 2].map(qos => `js/${version}/${qos}`)
  const granted = await client.subscribeAsync(Object.fromEntries(topics.map((topic, qos) => [topic, { qos }])))
  same(granted.map(g => g.qos), [0, 1, 2], 'granted')
  for (const [qos, topic] of topics.entries()) {
    const coming = collect(client, payloads.length)
    for (const payload of payloads) await client.publishAsync(topic, payload, { qos })
    const heard = await coming
    same(heard.map(h => h.payload.toString('hex')), payloads.map(p => p.toString('hex')), `payloads of QoS ${qos}`)
    same(heard.map(h => h.packet.qos), payloads.map(() => qos), `QoS ${qos}`)
    same(heard.map(h => h.packet.dup || h.packet.retain), payloads.map(() => false), 'neither DUP nor RETAIN')
  }
  await client.unsubscribeAsync(topics)
}

// Many at a time: acknowledgements of both sides in the same bytes.
async function flood (client, version) {
  await client.subscribeAsync(`flood/${version}/#`, { qos: 2 })
  const coming = collect(client, 300)
  const sent = Array.from({ length: 300 }, (_, i) => client.publishAsync(`flood/${version}/${i}`, `${i}`, { qos: i % 3 }))
  await Promise.all(sent)
  const heard = await coming
  for (const qos of [0, 1, 2]) {
    const order = heard.filter(h => h.packet.qos === qos).map(h => Number(h.payload))
    same(order, Array.from({ length: 100 }, (_, i) => 3 * i + qos), `order of QoS ${qos}`)
  }
}

async function properties (client) {
  await client.subscribeAsync('props', { qos: 1, nl: false, rap: true, rh: 1, properties: { subscriptionIdentifier: 7, userProperties: { a: 'b' } } })
  const coming = collect(client, 1)
  const sent = {
    payloadFormatIndicator: true, messageExpiryInterval: 60, contentType: 'text', responseTopic: 'r/t',
    correlationData: Buffer.from([0, 1]), userProperties: { x: ['1', '2'], y: '3' }
  }
  await client.publishAsync('props', 'p', { qos: 1, properties: sent })
  const [{ packet }] = await coming
  const { subscriptionIdentifier, ...rest } = packet.properties
  same([].concat(subscriptionIdentifier), [7], 'subscription identifier')
  same({ ...rest, userProperties: { ...rest.userProperties } }, sent, 'properties')
}

async function talk (version) {
  const options = {
    port, host: '127.0.0.1', protocolVersion: version, protocolId: version === 3 ? 'MQIsdp' : 'MQTT', clientId: `js-${version}`,
    keepalive: 30, clean: true, username: 'us€r', password: Buffer.from([0x80, 0xff]), reconnectPeriod: 0, connectTimeout: 10000,
    will: { topic: `gone/${version}`, payload: Buffer.from([0, 255]), qos: 1, retain: true }
  }
  if (version === 5) options.properties = { receiveMaximum: 300, topicAliasMaximum: 5, sessionExpiryInterval: 10 }
  const client = await connectAsync(options)
  const problems = []
  client.on('error', error => problems.push(error.message))
  await exchange(client, version)
  await flood(client, version)
  if (version === 5) await properties(client)
  const answered = new Promise(resolve => client.once('packetreceive', packet => resolve(packet.cmd)))
  client.sendPing()
  same(await answered, 'pingresp', 'PINGREQ')
  await client.endAsync()
  same(problems, [], 'errors')
}

for (const version of [3, 4, 5]) await talk(version)
console.log(`${checks} things as they should be`)
