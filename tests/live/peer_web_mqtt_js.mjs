// SPDX-License-Identifier: MIT
// npm's mqtt client through WebSocket: node peer_web_mqtt_js.mjs DIRECTORY URL [CA]. Each version, each QoS, payloads
// from nothing to more than a frame of 16 bits, many messages at once, a refused path, a clean close.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const [, , directory, url, ca] = process.argv
const { connectAsync } = createRequire(resolve(directory, 'x.js'))('mqtt')
let checks = 0

function same (found, wanted, what) {
  checks++
  if (JSON.stringify(found) === JSON.stringify(wanted)) return
  console.log(`FAILED: ${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`)
  process.exit(1)
}

function collect (client, count) {
  const heard = []
  return new Promise(resolve => client.on('message', function take (topic, payload, packet) {
    heard.push({ topic, payload, packet })
    if (heard.length === count) { client.off('message', take); resolve(heard) }
  }))
}

const sizes = [0, 1, 125, 126, 4000, 65535, 65536, 300000]

async function exchange (client, version) {
  await client.subscribeAsync(`web/${version}`, { qos: 2 })
  const coming = collect(client, sizes.length * 3)
  const payloads = []
  for (const qos of [0, 1, 2]) {
    for (const size of sizes) {
      const payload = Buffer.alloc(size, size % 251)
      payloads.push(payload)
      await client.publishAsync(`web/${version}`, payload, { qos })
    }
  }
  const heard = await coming
  same(heard.map(h => h.payload.length), payloads.map(p => p.length), 'sizes')
  same(heard.every((h, i) => h.payload.equals(payloads[i])), true, 'payloads')
  same(heard.map(h => h.packet.qos), payloads.map((_, i) => Math.floor(i / sizes.length)), 'QoS')
}

async function flood (client, version) {
  await client.subscribeAsync(`flood/${version}`, { qos: 0 })
  const coming = collect(client, 1000)
  for (let i = 0; i < 1000; i++) client.publish(`flood/${version}`, `${i}`)
  same((await coming).map(h => Number(h.payload)), Array.from({ length: 1000 }, (_, i) => i), 'order')
}

async function talk (version) {
  const client = await connectAsync(`${url}/mqtt`, {
    protocolVersion: version, protocolId: version === 3 ? 'MQIsdp' : 'MQTT', clientId: `web-${version}`,
    clean: true, reconnectPeriod: 0, connectTimeout: 10000, ca: ca && readFileSync(ca),
    wsOptions: { origin: 'https://page.example', headers: { 'X-More': 'x'.repeat(2000) } }
  })
  const problems = []
  client.on('error', error => problems.push(error.message))
  await exchange(client, version)
  await flood(client, version)
  await client.endAsync()
  same(problems, [], 'errors')
}

for (const version of [3, 4, 5]) await talk(version)
console.log(`${checks} things as they should be`)
