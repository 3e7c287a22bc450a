// SPDX-License-Identifier: MIT
// What 5.0 has besides, as npm's mqtt client uses it with our broker:
// peer_broker_mqtt_js_5.mjs DIRECTORY-OF-node_modules ADDRESS
import { createRequire } from 'node:module'
import path from 'node:path'
import { Guest, done, same, within, words } from './peer_broker_guest.mjs'

const [, , directory, url] = process.argv
const packets = createRequire(path.resolve(directory, 'node_modules', 'mqtt', 'package.json'))('mqtt-packet')
const place = { url }
const enter = options => Guest.in(place, 5, options)
const leave = (...guests) => Promise.all(guests.map(guest => guest.leave()))

// Each message goes to one member, each member gets some, whoever else has subscribed gets all; a member that has gone
// gets nothing more.
async function shared () {
  const [sender, one, two, whole] = await Promise.all([enter(), enter(), enter(), enter()])
  for (const member of [one, two]) await member.subscribe('$share/group/shared/+', { qos: 2 })
  await whole.subscribe('shared/#', { qos: 1 })
  await sender.publish('shared/0', 'kept', { qos: 1, retain: true })
  const numbers = Array.from({ length: 40 }, (_, i) => `${i}`)
  for (const number of numbers) await sender.publish('shared/t', number, { qos: 2 })
  const [first, second, all] = [await one.all(), await two.all(), await whole.all()]
  same(all.map(m => `${m.payload}`), ['kept', ...numbers], 'an ordinary subscription beside')
  same([...first, ...second].map(m => `${m.payload}`).sort(), ['kept', ...numbers].sort(), 'once each')
  same(first.length > 5 && second.length > 5, true, 'balanced')
  await two.leave()
  for (const number of numbers) await sender.publish('shared/t', number, { qos: 1 })
  same((await one.all()).map(m => `${m.payload}`), numbers, 'the member that is left')
  const late = await enter()
  await late.subscribe('$share/late/shared/#', { qos: 1 })
  same(await late.words(), [], 'no retained messages for a shared subscription (4.8.2)')
  await sender.publish('shared/0', '', { qos: 1, retain: true })
  await leave(sender, one, whole, late)
}

// v5:MQTT-4.8.2-3: each member's own QoS
async function sharedQos () {
  const [sender, low, high] = await Promise.all([enter(), enter(), enter()])
  await low.subscribe('$share/g/levels', { qos: 0 })
  await high.subscribe('$share/g/levels', { qos: 1 })
  for (let i = 0; i < 20; i++) await sender.publish('levels', `${i}`, { qos: 2 })
  const [zero, one] = [await low.all(), await high.all()]
  same([zero.length > 0, one.length > 0, zero.length + one.length], [true, true, 20], 'both')
  same([zero.every(m => m.packet.qos === 0), one.every(m => m.packet.qos === 1)], [true, true], 'QoS')
  await leave(sender, low, high)
}

// v5:MQTT-3.3.2-4, v5:MQTT-3.3.2-15, v5:MQTT-3.3.2-16, v5:MQTT-3.3.2-17, v5:MQTT-3.3.2-18, v5:MQTT-3.3.2-20
async function properties () {
  const [sender, reader] = [await enter(), await enter()]
  await reader.subscribe('props', { qos: 1, properties: { subscriptionIdentifier: 268435455, userProperties: { a: 'b' } } })
  const sent = {
    payloadFormatIndicator: true, messageExpiryInterval: 600, contentType: 'text', responseTopic: 'r/t',
    correlationData: Buffer.from([0, 1]), userProperties: { x: ['1', '2'], y: '3', ключ: '' }
  }
  await sender.publish('props', 'p', { qos: 1, properties: sent })
  const [{ packet }] = await reader.next()
  const { subscriptionIdentifier, messageExpiryInterval, ...rest } = packet.properties
  const { messageExpiryInterval: expiry, ...others } = sent
  same([].concat(subscriptionIdentifier), [268435455], 'subscription identifier')
  same([expiry, expiry - 1].includes(messageExpiryInterval), true, 'what is left of the time (v5:MQTT-3.3.2-6)')
  same(rest, others, 'properties')
  await leave(sender, reader)
}

// v5:MQTT-3.3.4-3, v5:MQTT-3.3.4-4: one copy with the identifiers of all
async function identifiers () {
  const guest = await enter()
  await guest.subscribe('ids/#', { qos: 1, properties: { subscriptionIdentifier: 1 } })
  await guest.subscribe('ids/+', { qos: 2, properties: { subscriptionIdentifier: 2 } })
  await guest.subscribe('ids/x', { qos: 0 })
  await guest.publish('ids/x', 'x', { qos: 2 })
  const heard = await guest.all()
  same(heard.map(words), ['ids/x x 2'], 'one copy')
  same([].concat(heard[0].packet.properties.subscriptionIdentifier).sort(), [1, 2], 'all identifiers')
  await guest.subscribe('ids/+', { qos: 0, properties: { subscriptionIdentifier: 3 } }) // in its place (v5:MQTT-3.8.4-3)
  await guest.publish('ids/x', 'y', { qos: 2 })
  const [{ packet }] = await guest.all()
  same([packet.qos, [].concat(packet.properties.subscriptionIdentifier).sort()], [1, [1, 3]], 'another in its place')
  await leave(guest)
}

// v5:MQTT-3.8.3-3, v5:MQTT-3.3.1-9 to v5:MQTT-3.3.1-13
async function options () {
  const [sender, reader] = [await enter(), await enter()]
  await sender.subscribe('opt/#', { qos: 1, nl: true })
  await sender.publish('opt/kept', 'k', { qos: 1, retain: true })
  await reader.publish('opt/other', 'o', { qos: 1 })
  same(await sender.words(), ['opt/other o 1'], 'No Local')
  await reader.subscribe('opt/kept', { qos: 1, rh: 2 })
  same(await reader.words(), [], 'Retain Handling 2')
  await reader.subscribe('opt/kept', { qos: 1, rh: 1 })
  same(await reader.words(), [], 'Retain Handling 1, not for the first time')
  await reader.subscribe('opt/kept', { qos: 1, rh: 0, rap: false })
  same(await reader.words(), ['opt/kept k 1 kept'], 'Retain Handling 0')
  await reader.subscribe('+/kept', { qos: 1, rh: 1, rap: true })
  same(await reader.words(), ['opt/kept k 1 kept'], 'Retain Handling 1, for the first time')
  await reader.unsubscribe('opt/kept')
  await sender.publish('opt/kept', 'k2', { qos: 1, retain: true })
  await sender.publish('opt/kept', 'k3', { qos: 1 })
  same(await reader.words(), ['opt/kept k2 1 kept', 'opt/kept k3 1'], 'Retain As Published 1')
  await reader.subscribe('+/kept', { qos: 1, rh: 2, rap: false })
  await sender.publish('opt/kept', '', { qos: 1, retain: true })
  same(await reader.words(), ['opt/kept  1'], 'Retain As Published 0')
  await leave(sender, reader)
}

// Aliases both ways (v5:MQTT-3.1.2-26, v5:MQTT-3.3.2-12): the client makes its own, and hears at most the number it allowed.
async function aliases () {
  const sender = await enter({ autoAssignTopicAlias: true, properties: { topicAliasMaximum: 0 } })
  const reader = await enter({ properties: { topicAliasMaximum: 3 } })
  same(sender.hello.properties.topicAliasMaximum > 2, true, 'the broker takes aliases')
  await reader.subscribe('alias/#', { qos: 1 })
  const wanted = []
  for (let i = 0; i < 60; i++) {
    wanted.push(`alias/${i % 5}/a-long-topic-name ${i} 1`)
    await sender.publish(`alias/${i % 5}/a-long-topic-name`, `${i}`, { qos: 1 })
  }
  same(await reader.words(), wanted, 'topics')
  const used = reader.packets.filter(p => p.cmd === 'publish').map(p => p.properties?.topicAlias ?? 0)
  same([used.some(alias => alias > 0), used.every(alias => alias <= 3)], [true, true], 'aliases of the broker')
  await leave(sender, reader)
}

// v5:MQTT-3.1.3-9, and a will that waits until its session goes on, or its time has come
async function willDelay () {
  const watcher = await enter()
  await watcher.subscribe('wills/#', { qos: 1 })
  const properties = { willDelayInterval: 1, contentType: 'c', userProperties: { b: '1', a: '2' } }
  const mortal = (clientId, willDelayInterval, sessionExpiryInterval) => enter({
    clientId, clean: false, properties: { sessionExpiryInterval },
    will: { topic: `wills/${clientId}`, payload: 'w', qos: 1, properties: { ...properties, willDelayInterval } }
  })
  const [patient, back, over] = await Promise.all([mortal('patient', 1, 60), mortal('back', 1, 60), mortal('over', 600, 1)])
  const start = process.hrtime.bigint()
  await Promise.all([patient, back, over].map(guest => guest.vanish()))
  const again = await mortal('back', 1, 60)
  const heard = await watcher.next(2)
  same(process.hrtime.bigint() - start > 900_000_000n, true, 'not before its delay')
  // v5:MQTT-3.1.2-8: whichever is first, the delay or the end of the session
  same(heard.map(words).sort(), ['wills/over w 1', 'wills/patient w 1'], 'wills')
  same(Object.entries(heard[0].packet.properties.userProperties), [['b', '1'], ['a', '2']], 'properties of a will (v5:MQTT-3.1.3-10)')
  same(await watcher.words(), [], 'who comes back in time has no will')
  await again.client.endAsync(false, { reasonCode: 4 }) // DISCONNECT with will
  same((await watcher.next()).map(words), ['wills/back w 1'], 'asked for')
  await leave(watcher)
}

// Messages, retained messages and sessions that end with their time. A will with a delay is the clock that tells when.
async function expiry () {
  const [sender, clock] = [await enter(), await enter()]
  await clock.subscribe('clock', { qos: 1 })
  const sleeper = { clientId: 'sleeper', clean: false, properties: { sessionExpiryInterval: 60 } }
  const brief = { clientId: 'brief', clean: false, properties: { sessionExpiryInterval: 1 } }
  for (const options of [sleeper, brief]) {
    const guest = await enter(options)
    await guest.subscribe('expiry/#', { qos: 1 })
    await guest.leave()
  }
  await sender.publish('expiry/short', 's', { qos: 1, retain: true, properties: { messageExpiryInterval: 1 } })
  await sender.publish('expiry/long', 'l', { qos: 1, retain: true, properties: { messageExpiryInterval: 100 } })
  const bell = await enter({
    clean: false, properties: { sessionExpiryInterval: 60 },
    will: { topic: 'clock', payload: 'ding', qos: 1, properties: { willDelayInterval: 2 } }
  })
  await bell.vanish()
  await clock.next()
  const awake = await enter(sleeper)
  const [kept] = await awake.next()
  same(words(kept), 'expiry/long l 1', 'what has not expired (v5:MQTT-3.3.2-5)')
  const left = kept.packet.properties.messageExpiryInterval
  same(left >= 90 && left <= 98, true, `of 100 seconds ${left} are left`)
  same(await awake.words(), [], 'and no more')
  const late = await enter()
  await late.subscribe('expiry/#', { qos: 1 })
  same(await late.words(), ['expiry/long l 1 kept'], 'retained')
  const forgotten = await enter(brief)
  same(forgotten.hello.sessionPresent, false, 'a session that has expired (v5:MQTT-4.1.0-2)')
  await sender.publish('expiry/long', '', { qos: 1, retain: true })
  await leave(sender, clock, awake, late, forgotten)
}

// v5:MQTT-3.3.4-9: not more than Receive Maximum at once; v5:MQTT-3.3.4-10: other packets are not delayed
async function receiveMaximum () {
  const sender = await enter()
  const reader = await enter({ properties: { receiveMaximum: 2 } })
  const held = []
  let moved = () => {}
  const seen = []
  const tap = packets.parser({ protocolVersion: 5 })
  tap.on('packet', packet => { seen.push(packet); moved() })
  await reader.subscribe('window', { qos: 1 })
  reader.client.stream.on('data', chunk => tap.parse(chunk))
  reader.client.handleMessage = (packet, callback) => { held.push(callback); moved() }
  const until = (condition, what) => within(new Promise(resolve => {
    moved = () => condition() && resolve()
    moved()
  }), what)
  const count = name => seen.filter(packet => packet.cmd === name).length
  for (let i = 0; i < 6; i++) await sender.publish('window', `${i}`, { qos: 1 })
  await until(() => count('publish') === 2, 'two messages')
  reader.client.sendPing()
  await until(() => count('pingresp') === 1, 'PINGRESP with a full window')
  same(count('publish'), 2, 'not more than it can take')
  for (let i = 0; i < 6; i++) {
    await until(() => held.length > 0, `message ${i}`)
    same(count('publish') <= i + 2, true, 'one for one')
    held.shift()()
  }
  same((await reader.next(6)).map(m => `${m.payload}`), ['0', '1', '2', '3', '4', '5'], 'in order')
  await leave(sender, reader)
}

// v5:MQTT-3.1.2-24, v5:MQTT-3.1.2-25; what is larger than the broker takes ends the connection with 0x95
async function packetSize () {
  const sender = await enter()
  const reader = await enter({ properties: { maximumPacketSize: 300 } })
  await reader.subscribe('size', { qos: 1 })
  for (const size of [100, 1000, 200]) await sender.publish('size', 'x'.repeat(size), { qos: 1 })
  same((await reader.all()).map(m => m.payload.length), [100, 200], 'what is small enough')
  await leave(reader, sender)
  const limit = sender.hello.properties.maximumPacketSize
  same(limit > 1000, true, 'the broker tells its own')
  const rude = await enter()
  rude.client.options.properties = undefined // else the client itself would refuse
  rude.client.publish('size', 'x'.repeat(limit), { qos: 1 })
  same((await within(rude.told, 'DISCONNECT')).reasonCode, 0x95, 'packet too large')
}

// Request and response as 4.10 has them
async function request () {
  const responder = await enter()
  await responder.subscribe('service/double', { qos: 1 })
  responder.client.on('message', (topic, payload, { properties }) => responder.client.publish(properties.responseTopic, `${2 * payload}`,
    { qos: 1, properties: { correlationData: properties.correlationData } }))
  const asker = await enter({ properties: { requestResponseInformation: true } })
  const { responseInformation } = asker.hello.properties
  same(responseInformation, 'answers/', 'Response Information')
  const responseTopic = `${responseInformation}${asker.id}`
  await asker.subscribe(responseTopic, { qos: 1 })
  for (const number of [21, 4]) {
    await asker.publish('service/double', `${number}`, { qos: 1, properties: { responseTopic, correlationData: Buffer.from(`n${number}`) } })
  }
  const answers = await asker.next(2)
  same(answers.map(m => [`${m.packet.properties.correlationData}`, `${m.payload}`]), [['n21', '42'], ['n4', '8']], 'answers')
  const plain = await enter()
  same(plain.hello.properties?.responseInformation ?? 'none', 'none', 'not unless asked for (v5:MQTT-3.1.2-28)')
  await leave(responder, asker, plain)
}

// What CONNACK, SUBACK, PUBACK and UNSUBACK say; an identifier that the broker makes (v5:MQTT-3.2.2-16, v5:MQTT-3.1.3-6)
async function words5 () {
  const guest = await enter({ clientId: '', clean: true })
  const given = guest.hello.properties.assignedClientIdentifier
  const other = await enter({ clientId: '', clean: true })
  same([given.length > 5, given !== other.hello.properties.assignedClientIdentifier], [true, true], 'assigned identifiers')
  const last = name => guest.packets.findLast(packet => packet.cmd === name)
  await guest.publish('nobody/hears', 'x', { qos: 1 })
  same(last('puback').reasonCode, 0x10, 'no matching subscribers')
  await guest.publish('nobody/hears', 'x', { qos: 2 })
  same(last('pubrec').reasonCode, 0x10, 'no matching subscribers')
  await guest.subscribe('somebody', { qos: 2 })
  await guest.publish('somebody', 'x', { qos: 1 })
  same(last('puback').reasonCode ?? 0, 0, 'somebody')
  await guest.unsubscribe(['somebody', 'nobody'])
  same(last('unsuback').granted, [0, 0x11], 'UNSUBACK (v5:MQTT-3.10.4-5)')
  const nolocal = await guest.subscribe('$share/g/x', { nl: true }).catch(error => error)
  same(nolocal instanceof Error, true, 'No Local on a shared subscription is no SUBSCRIBE (MQTT-3.8.3-4)')
  await other.leave()
}

// A method of enhanced authentication that nobody knows (v5:MQTT-4.12.0-1)
async function unknownMethod () {
  const guest = new Guest(place, 5, { properties: { authenticationMethod: 'no such', authenticationData: Buffer.from('x') } })
  const error = await within(guest.opened, 'CONNACK').catch(error => error)
  same(error.code, 0x8c, 'bad authentication method')
}

const topics = {
  shared, sharedQos, properties, identifiers, options, aliases, willDelay, expiry, receiveMaximum, packetSize, request, words5,
  unknownMethod
}
await Promise.all(Object.entries(topics).map(([name, topic]) => topic().catch(error => {
  error.message = `${name}: ${error.message}`
  throw error
})))
done()
