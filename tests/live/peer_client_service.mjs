// SPDX-License-Identifier: MIT
// npm's mqtt client asks and answers (section 4.10): node peer_client_service.mjs DIRECTORY-OF-node_modules SOCKET
// It ends well when its request to service/ours was answered, and when it has answered one to service/npm.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const [, , directory, path] = process.argv
const { connectAsync } = createRequire(resolve(directory, 'x.js'))('mqtt')
const client = await connectAsync({
  protocol: 'mqtt+unix', unixSocket: true, path, protocolVersion: 5, clientId: 'npm-service', clean: true, reconnectPeriod: 0, connectTimeout: 10000
})
const limit = setTimeout(() => { console.error('no request, or no answer'); process.exit(1) }, 10000)
let asked = false
let answered = false

client.on('message', async (topic, payload, { properties }) => {
  if (topic === 'service/npm') {
    await client.publishAsync(properties.responseTopic, `npm has ${payload}`, {
      qos: 1, properties: { correlationData: properties.correlationData, userProperties: { from: 'npm' } }
    })
    asked = true
  } else {
    answered = `${payload}` === 'we have 42' && properties.correlationData.equals(Buffer.from([0, 255]))
    if (!answered) process.exit(2)
  }
  if (!asked || !answered) return
  clearTimeout(limit)
  await client.endAsync()
})
await client.subscribeAsync(['service/npm', 'npm/answers'], { qos: 1 })
await client.publishAsync('service/ours', '42', {
  qos: 1, properties: { responseTopic: 'npm/answers', correlationData: Buffer.from([0, 255]) }
})
