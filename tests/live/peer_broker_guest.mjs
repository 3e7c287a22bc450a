// SPDX-License-Identifier: MIT
// npm's mqtt client as a guest of our broker: what peer_broker_*.mjs share. process.argv[2] holds node_modules.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(path.resolve(process.argv[2], 'node_modules', 'mqtt', 'package.json'))
const mqtt = require('mqtt')
const limit = 15000
let checks = 0
let guests = 0

export function same (actual, expected, what) {
  assert.deepEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(JSON.stringify(expected)), what)
  checks++
}

export function done () {
  console.log(`${checks} things as they should be`)
}

// The promise, or an error that says what did not come.
export function within (promise, what) {
  let timer
  const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error(`${what}: it never came`)), limit) })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export function event (emitter, name, what = name) {
  return within(new Promise(resolve => emitter.once(name, resolve)), what)
}

// A client with an inbox. `place` is { url, ca }; messages that come before anybody waits are kept.
export class Guest {
  constructor (place, version, options = {}) {
    this.id = options.clientId ?? `guest-${++guests}`
    this.inbox = []
    this.problems = []
    this.packets = []
    const protocolId = version === 3 ? 'MQIsdp' : 'MQTT'
    this.client = mqtt.connect(place.url, {
      protocolVersion: version, protocolId, clientId: this.id, reconnectPeriod: 0, connectTimeout: limit, keepalive: 60,
      ...(place.ca && { ca: readFileSync(place.ca) }), ...options
    })
    this.client.on('message', (topic, payload, packet) => { this.inbox.push({ topic, payload, packet }); this.wake?.() })
    this.client.on('packetreceive', packet => this.packets.push(packet))
    this.client.on('error', error => this.problems.push(error.message))
    this.closed = new Promise(resolve => this.client.once('close', resolve))
    this.told = new Promise(resolve => this.client.once('disconnect', resolve))
    this.opened = new Promise((resolve, reject) => { this.client.once('connect', resolve); this.client.once('error', reject) })
  }

  static async in (place, version, options) {
    const guest = new Guest(place, version, options)
    guest.hello = await within(guest.opened, `CONNACK of ${guest.id}`)
    return guest
  }

  // The next messages.
  async next (count = 1, what = `messages of ${this.id}`) {
    const enough = async () => {
      while (this.inbox.length < count) await new Promise(resolve => { this.wake = resolve })
    }
    await within(enough(), `${what}: ${this.inbox.length} of ${count}`)
    return this.inbox.splice(0, count)
  }

  // Everything that has come until now and nothing behind it: a message of QoS 2 to itself comes last.
  async all () {
    const topic = `fence/${this.id}/${this.fences = (this.fences ?? 0) + 1}`
    await this.client.subscribeAsync(topic, { qos: 2 })
    await this.client.publishAsync(topic, 'fence', { qos: 2 })
    const fence = async () => {
      while (!this.inbox.some(message => message.topic === topic)) await new Promise(resolve => { this.wake = resolve })
    }
    await within(fence(), `the fence of ${this.id}`)
    await this.client.unsubscribeAsync(topic)
    const end = this.inbox.findIndex(message => message.topic === topic)
    return this.inbox.splice(0, end + 1).slice(0, end)
  }

  // What came, as words: topic payload qos retain
  async words () {
    return (await this.all()).map(words)
  }

  subscribe (...args) { return within(this.client.subscribeAsync(...args), `SUBACK of ${this.id}`) }
  unsubscribe (...args) { return within(this.client.unsubscribeAsync(...args), `UNSUBACK of ${this.id}`) }
  publish (topic, payload, options) {
    return within(this.client.publishAsync(topic, payload, options), `acknowledgement to ${this.id}`)
  }

  // Goes without a word: the connection is cut, so its will is due.
  async vanish () {
    this.client.stream.destroy()
    await within(this.closed, `end of ${this.id}`)
  }

  async leave (options = {}) {
    await within(this.client.endAsync(false, options), `goodbye of ${this.id}`)
    same(this.problems, [], `errors of ${this.id}`)
  }
}

export function words ({ topic, payload, packet }) {
  return `${topic} ${payload} ${packet.qos}${packet.retain ? ' kept' : ''}${packet.dup ? ' again' : ''}`
}
