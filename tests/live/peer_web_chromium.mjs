// SPDX-License-Identifier: MIT
// Serves the page of peer_web_chromium.sh: node peer_web_chromium.mjs DIRECTORY. Says where it listens.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'

const client = readFileSync(`${process.argv[2]}/node_modules/mqtt/dist/mqtt.min.js`)

// Runs in the browser. Ports of listeners stand behind the # of the address: one that takes this page, one that does
// not. Whatever it finds goes to the first one, as a message.
function page () {
  const [good, closed] = location.hash.slice(1).split(',')
  const found = {}
  const hex = text => new Uint8Array(text.match(/../g).map(pair => parseInt(pair, 16)))
  const sleepless = (ms, what) => new Promise((resolve, reject) => setTimeout(() => reject(new Error(`${what} takes too long`)), ms))

  // A WebSocket without any library: packets by hand, cut where no packet ends, and two in one frame.
  function byHand () {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${good}/mqtt`, ['mqttv3.1', 'mqtt'])
      let heard = ''
      socket.binaryType = 'arraybuffer'
      socket.onopen = () => {
        for (const byte of hex('101000044d5154540402003c000468616e64')) socket.send(new Uint8Array([byte]))
        socket.send(hex('820800010003612f6200' + '30070003612f626869'))
      }
      socket.onmessage = event => {
        heard += Array.from(new Uint8Array(event.data), byte => byte.toString(16).padStart(2, '0')).join('')
        if (heard === '20020000' + '9003000100' + '30070003612f626869') socket.send(hex('e000'))
      }
      socket.onerror = () => reject(new Error('by hand: error'))
      socket.onclose = event => resolve(`${socket.protocol} ${event.code} ${event.wasClean} ${heard.length}`)
    })
  }

  function text () {
    return new Promise(resolve => {
      const socket = new WebSocket(`ws://127.0.0.1:${good}/mqtt`, 'mqtt')
      socket.onopen = () => socket.send('text')
      socket.onclose = event => resolve(`${event.code} ${event.wasClean}`)
    })
  }

  function notWelcome () {
    return new Promise(resolve => {
      const socket = new WebSocket(`ws://127.0.0.1:${closed}/mqtt`, 'mqtt')
      socket.onopen = () => resolve('open')
      socket.onclose = event => resolve(`${event.code}`)
    })
  }

  async function byLibrary (mqtt) {
    const socket = await mqtt.connectAsync(`ws://127.0.0.1:${good}/mqtt`, { clientId: 'page', protocolVersion: 5, reconnectPeriod: 0 })
    const payload = new Uint8Array(100000).map((_, i) => i * 7)
    await socket.subscribeAsync('page', { qos: 2 })
    const coming = new Promise(resolve => socket.once('message', (topic, bytes) => resolve(bytes)))
    await socket.publishAsync('page', payload, { qos: 2 })
    const bytes = await coming
    found.library = bytes.length === payload.length && bytes.every((byte, i) => byte === payload[i])
    return socket
  }

  async function all () {
    found.hand = await Promise.race([byHand(), sleepless(10000, 'by hand')])
    found.text = await Promise.race([text(), sleepless(10000, 'text')])
    found.closed = await Promise.race([notWelcome(), sleepless(10000, 'not welcome')])
  }

  byLibrary(window.mqtt).then(async socket => {
    await all().catch(error => { found.error = error.message })
    await socket.publishAsync('found', JSON.stringify(found), { qos: 1 })
    await socket.endAsync()
  })
}

const html = `<!doctype html><meta charset=utf-8><script src=/mqtt.js></script><script>(${page})()</script>`
const server = createServer((request, response) => {
  const [type, body] = request.url === '/mqtt.js' ? ['text/javascript', client] : ['text/html', html]
  response.writeHead(200, { 'Content-Type': type }).end(body)
})
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
