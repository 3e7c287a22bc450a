// SPDX-License-Identifier: MIT
// The ordinary use of npm's mqtt client with our broker, in 3.1, 3.1.1 and 5.0, at each address:
// peer_broker_mqtt_js.mjs DIRECTORY-OF-node_modules CA ADDRESS...
import { Guest, done, event, same, words } from './peer_broker_guest.mjs'

const [, , , ca, ...addresses] = process.argv
const payloads = [Buffer.from('héllo'), Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.alloc(200000, 'x')]
const keep = version => version === 5 ? { clean: false, properties: { sessionExpiryInterval: 60 } } : { clean: false }

// Each payload at each QoS, and to a subscription of each QoS: the lower one counts
// (v4:MQTT-3.8.4-6, v5:MQTT-3.8.4-8, v4:MQTT-3.8.4-5, v5:MQTT-3.8.4-6).
async function exchange (place, version, at) {
  const sender = await Guest.in(place, version)
  for (const wanted of [0, 1, 2]) {
    const reader = await Guest.in(place, version)
    const granted = await reader.subscribe(`${at}/#`, { qos: wanted })
    same(granted.map(g => g.qos), [wanted], 'granted')
    for (const qos of [0, 1, 2]) {
      for (const payload of payloads) await sender.publish(`${at}/${qos}`, payload, { qos })
      const heard = await reader.next(payloads.length)
      same(heard.map(h => h.payload.toString('hex')), payloads.map(p => p.toString('hex')), 'payloads')
      same(heard.map(h => h.packet.qos), payloads.map(() => Math.min(qos, wanted)), 'QoS')
      same(heard.some(h => h.packet.dup || h.packet.retain), false, 'neither DUP nor RETAIN')
    }
    await reader.unsubscribe(`${at}/#`)
    await sender.publish(`${at}/unheard`, 'x', { qos: 1 })
    same(await reader.words(), [], 'after UNSUBSCRIBE')
    await reader.leave()
  }
  await sender.leave()
}

// Many at a time, all QoS mixed: each in its order (v4:MQTT-4.6.0-6, v5:MQTT-4.6.0-5).
async function flood (place, version, at) {
  const [sender, reader] = [await Guest.in(place, version), await Guest.in(place, version)]
  await reader.subscribe(`${at}/#`, { qos: 2 })
  await Promise.all(Array.from({ length: 300 }, (_, i) => sender.publish(`${at}/t`, `${i}`, { qos: i % 3 })))
  const heard = await reader.next(300)
  for (const qos of [0, 1, 2]) {
    const order = heard.filter(h => h.packet.qos === qos).map(h => Number(h.payload))
    same(order, Array.from({ length: 100 }, (_, i) => 3 * i + qos), `order of QoS ${qos}`)
  }
  await Promise.all([sender.leave(), reader.leave()])
}

// v4:MQTT-3.3.1-6, v4:MQTT-3.3.1-8, v4:MQTT-3.3.1-9, v4:MQTT-3.3.1-10, v4:MQTT-3.3.1-12, v5:MQTT-3.3.1-6
async function retained (place, version, at) {
  const [sender, present, late, later] = await Promise.all([1, 2, 3, 4].map(() => Guest.in(place, version)))
  await present.subscribe(`${at}/+`, { qos: 2 })
  await sender.publish(`${at}/a`, 'old', { qos: 1, retain: true })
  await sender.publish(`${at}/a`, 'new', { qos: 2, retain: true })
  await sender.publish(`${at}/b`, 'gone', { qos: 0, retain: true })
  await sender.publish(`${at}/a`, 'passing', { qos: 1 })
  await sender.publish(`${at}/b`, '', { qos: 1, retain: true })
  const live = [`${at}/a old 1`, `${at}/a new 2`, `${at}/b gone 0`, `${at}/a passing 1`, `${at}/b  1`]
  same((await present.words()).sort(), live.sort(), 'live')
  await late.subscribe(`${at}/#`, { qos: 1 })
  same(await late.words(), [`${at}/a new 1 kept`], 'retained')
  await sender.publish(`${at}/a`, '', { qos: 1, retain: true })
  await later.subscribe(`${at}/#`, { qos: 1 })
  same(await later.words(), [], 'nothing retained')
  await Promise.all([sender, present, late, later].map(guest => guest.leave()))
}

// v4:MQTT-3.1.2-8, v4:MQTT-3.1.2-10, v4:MQTT-3.1.2-17, v4:MQTT-3.14.4-3, v5:MQTT-3.1.2-8, v5:MQTT-3.1.2-15,
// v5:MQTT-3.14.4-3
async function will (place, version, at) {
  const watcher = await Guest.in(place, version)
  await watcher.subscribe(`${at}/#`, { qos: 2 })
  const options = { will: { topic: `${at}/gone`, payload: Buffer.from([0, 255]), qos: 2, retain: true } }
  const polite = await Guest.in(place, version, options)
  await polite.leave()
  same(await watcher.words(), [], 'a client that says goodbye has no will')
  const hurt = await Guest.in(place, version, options)
  await hurt.vanish()
  const [{ topic, payload, packet }] = await watcher.next()
  same([topic, payload.toString('hex'), packet.qos, packet.retain], [`${at}/gone`, '00ff', 2, false], 'will')
  const late = await Guest.in(place, version)
  await late.subscribe(`${at}/gone`, { qos: 1 })
  same((await late.next())[0].packet.retain, true, 'the will is retained')
  await watcher.publish(`${at}/gone`, '', { retain: true, qos: 1 })
  await Promise.all([watcher.leave(), late.leave()])
}

// A session that is kept: what came meanwhile, in its order; QoS 0 is not kept by a session that is away
// (v4:MQTT-3.1.2-4, v4:MQTT-3.1.2-5, v4:MQTT-4.5.0-1, v5:MQTT-3.1.2-5, v5:MQTT-3.1.2-23).
async function session (place, version, at) {
  const clientId = at.replaceAll('/', '-')
  const first = await Guest.in(place, version, { clientId, ...keep(version) })
  same(first.hello.sessionPresent ?? false, false, 'a new session')
  await first.subscribe({ [`${at}/1`]: { qos: 1 }, [`${at}/2`]: { qos: 2 } })
  await first.leave()
  const sender = await Guest.in(place, version)
  for (let i = 0; i < 20; i++) {
    await sender.publish(`${at}/1`, `${i}`, { qos: 1 })
    await sender.publish(`${at}/2`, `${i}`, { qos: 2 })
  }
  const second = await Guest.in(place, version, { clientId, ...keep(version) })
  if (version > 3) same(second.hello.sessionPresent, true, 'the session is there (v4:MQTT-3.2.2-2)')
  const heard = await second.next(40)
  for (const qos of [1, 2]) {
    const numbers = heard.filter(h => h.packet.qos === qos).map(h => Number(h.payload))
    same(numbers, Array.from({ length: 20 }, (_, i) => i), `queue of QoS ${qos}`)
  }
  same(await second.words(), [], 'and no more')
  await second.leave()
  const third = await Guest.in(place, version, { clientId, clean: true })
  same(third.hello.sessionPresent ?? false, false, 'a clean start (v4:MQTT-3.1.2-6)')
  await sender.publish(`${at}/1`, 'x', { qos: 1 })
  same(await third.words(), [], 'nothing is left of the old session')
  await Promise.all([sender.leave(), third.leave()])
}

// v4:MQTT-3.1.4-2, v5:MQTT-3.1.4-3: the old connection ends, and its will is due
async function takeOver (place, version, at) {
  const clientId = at.replaceAll('/', '-')
  const watcher = await Guest.in(place, version)
  await watcher.subscribe(`${at}/#`, { qos: 1 })
  const old = await Guest.in(place, version, { clientId, will: { topic: `${at}/w`, payload: 'taken', qos: 1 } })
  const young = await Guest.in(place, version, { clientId })
  await old.closed
  if (version === 5) same((await old.told).reasonCode, 0x8e, 'session taken over')
  same((await watcher.next()).map(words), [`${at}/w taken 1`], 'its will')
  await Promise.all([young.leave(), watcher.leave()])
}

// Overlapping subscriptions: one copy at the highest QoS (v4:MQTT-3.3.5-1, v5:MQTT-3.3.4-2); wildcards do not find
// topics that begin with $ (v4:MQTT-4.7.2-1, v5:MQTT-4.7.2-1)
async function filters (place, version, at) {
  const guest = await Guest.in(place, version)
  await guest.subscribe({ [`${at}/#`]: { qos: 0 }, [`${at}/+/c`]: { qos: 2 }, [`${at}/b/c`]: { qos: 1 } })
  await guest.publish(`${at}/b/c`, 'x', { qos: 2 })
  await guest.publish(`${at}/b`, 'y', { qos: 2 })
  await guest.publish(at, 'z', { qos: 2 })
  same((await guest.words()).sort(), [`${at} z 0`, `${at}/b y 0`, `${at}/b/c x 2`], 'copies')
  await guest.subscribe(['#', '+/broker/version'])
  same((await guest.all()).filter(h => h.topic[0] === '$'), [], 'no $SYS')
  await guest.subscribe('$SYS/broker/version')
  same((await guest.next(1)).length, 1, '$SYS when it is asked for')
  await guest.unsubscribe(['#', '+/broker/version'])
  const answer = event(guest.client, 'packetreceive')
  guest.client.sendPing()
  same((await answer).cmd, 'pingresp', 'PINGREQ')
  await guest.leave()
}

const habits = { exchange, flood, retained, will, session, takeOver, filters }

async function guestsOf (url, way) {
  const place = { url, ca: /^(mqtts|wss)/.test(url) && ca }
  for (const version of [3, 4, 5]) {
    for (const [name, habit] of Object.entries(habits)) {
      try {
        await habit(place, version, `${name}/${way}/${version}`)
      } catch (error) {
        error.message = `${name} in ${version} at ${url}: ${error.message}`
        throw error
      }
    }
  }
}

await Promise.all(addresses.map(guestsOf))
done()
