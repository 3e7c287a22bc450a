// SPDX-License-Identifier: MIT
// npm's mqtt client beside ours at one broker: node peer_client_mqtt_js.mjs DIRECTORY-OF-node_modules PORT WHAT
// say: publishes with every property; hear: prints the properties of a message; share: publishes 20 messages.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const [, , directory, port, what] = process.argv
const { connectAsync } = createRequire(resolve(directory, 'x.js'))('mqtt')
const client = await connectAsync({
  host: '127.0.0.1', port, protocolVersion: 5, clientId: `npm-${what}`, clean: true, reconnectPeriod: 0, connectTimeout: 10000
})

const properties = {
  payloadFormatIndicator: true, messageExpiryInterval: 60, contentType: 'text/plain', responseTopic: 'r/t',
  correlationData: Buffer.from('c1'), userProperties: { k: ['v', 'w'], 'ключ': '' }
}

function next (event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('nothing comes')), 10000)
    client.once(event, (topic, payload, packet) => { clearTimeout(timer); resolve(packet) })
  })
}

if (what === 'say') {
  for (const qos of [0, 1, 2]) await client.publishAsync(`down/${qos}`, 'héllo', { qos, properties })
} else if (what === 'share') {
  for (let i = 0; i < 20; i++) await client.publishAsync('shared/t', `${i}`, { qos: 1 })
} else {
  const message = next('message')
  await client.subscribeAsync('up/#', { qos: 2, properties: { subscriptionIdentifier: 9 } })
  const { topic, qos, payload, properties: heard } = await message
  console.log(JSON.stringify({ topic, qos, payload: payload.toString(), ...heard, correlationData: heard.correlationData.toString() }))
}
await client.endAsync()
