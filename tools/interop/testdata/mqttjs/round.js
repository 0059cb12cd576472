// A round with MQTT.js in each version: argument is the URL of a broker, and where
// that is of TLS the file of who signed its certificate.
'use strict'

const assert = require('node:assert')
const { once } = require('node:events')
const fs = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')
const mqtt = require('mqtt')

const url = process.argv[2]
const secure = process.argv[3] ? { ca: fs.readFileSync(process.argv[3]) } : {}
const keepalive = 4 // s
const idleTime = 7000 // ms, longer than one and a half times that
const versions = [
  { name: 'v31', protocolId: 'MQIsdp', protocolVersion: 3 },
  { name: 'v311', protocolVersion: 4 },
  { name: 'v5', protocolVersion: 5 }
]
const v5 = versions[2]

async function connect (version, role, more) {
  const client = mqtt.connect(url, {
    ...version, ...secure, ...more, clientId: `js-${version.name}-${role}`, reconnectPeriod: 0
  })
  const messages = []
  const waiting = []
  client.on('message', (topic, payload, packet) => {
    packet.topic = topic // where an alias stands for it, it is empty
    if (waiting.length > 0) waiting.shift()(packet)
    else messages.push(packet)
  })
  client.next = () => messages.length > 0 ? messages.shift() : new Promise(resolve => waiting.push(resolve))
  await once(client, 'connect')
  return client
}

async function exchange (version) {
  const sub = await connect(version, 'sub')
  const pub = await connect(version, 'pub')
  const granted = await sub.subscribeAsync('t/+', { qos: 2 })
  assert.strictEqual(granted[0].qos, 2)
  for (const qos of [0, 1, 2]) {
    const payloads = Array.from({ length: 20 }, (_, n) => Buffer.from([qos, n, 0, 255]))
    payloads.push(Buffer.alloc(300_000, qos))
    for (const payload of payloads) {
      await pub.publishAsync(`t/${qos}`, payload, { qos })
      const got = await sub.next()
      assert.deepStrictEqual([got.topic, got.qos, got.retain], [`t/${qos}`, qos, false])
      assert.ok(got.payload.equals(payload), 'payload is as it was')
    }
  }
  await sub.unsubscribeAsync('t/+')
  await sub.subscribeAsync('other')
  await pub.publishAsync('t/1', 'to nobody', { qos: 1 })
  await pub.publishAsync('other', '', { qos: 1 })
  assert.strictEqual((await sub.next()).topic, 'other')
  await Promise.all([sub.endAsync(), pub.endAsync()])
}

async function retainedAndWill (version) {
  const topic = `kept/${version.name}`
  const pub = await connect(version, 'pub')
  await pub.publishAsync(topic, 'old', { qos: 1, retain: true })
  const sub = await connect(version, 'sub')
  await sub.subscribeAsync(topic, { qos: 1 })
  const kept = await sub.next()
  assert.deepStrictEqual([kept.payload.toString(), kept.retain], ['old', true])
  await pub.publishAsync(topic, '', { qos: 1, retain: true })
  assert.strictEqual((await sub.next()).payload.length, 0)

  await sub.subscribeAsync('will', { qos: 1 })
  const dying = await connect(version, 'dies', { will: { topic: 'will', payload: Buffer.from('gone'), qos: 1 } })
  dying.stream.destroy()
  assert.strictEqual((await sub.next()).payload.toString(), 'gone')
  await Promise.all([sub.endAsync(), pub.endAsync()])
}

const staying = { clean: false, properties: { sessionExpiryInterval: 100 } }

async function session (version) {
  const topic = `s/${version.name}`
  const leaving = await connect(version, 'stays', staying)
  await leaving.subscribeAsync(topic, { qos: 1 })
  await leaving.endAsync()
  const pub = await connect(version, 'pub')
  for (let n = 0; n < 50; n++) await pub.publishAsync(topic, String(n), { qos: 1 + n % 2 })
  const back = await connect(version, 'stays', staying)
  for (let n = 0; n < 50; n++) assert.strictEqual((await back.next()).payload.toString(), String(n))
  await pub.publishAsync(topic, 'live', { qos: 2 })
  assert.strictEqual((await back.next()).payload.toString(), 'live')
  await Promise.all([back.endAsync(), pub.endAsync()])
  await (await connect(version, 'stays')).endAsync()
}

async function takeover (version) {
  const first = await connect(version, 'one')
  const closed = new Promise(resolve => first.once('close', resolve))
  let told = 0x8E // Mosquitto 2.0.11 says nothing
  first.once('disconnect', packet => { told = packet.reasonCode })
  const second = await connect(version, 'one')
  await closed
  assert.strictEqual(told, 0x8E)
  await second.subscribeAsync('x')
  await second.publishAsync('x', 'mine')
  assert.strictEqual((await second.next()).payload.toString(), 'mine')
  await second.endAsync()
}

async function shared (version) {
  const members = [await connect(version, 'member-0'), await connect(version, 'member-1')]
  for (const m of members) await m.subscribeAsync('$share/group/shared', { qos: 1 })
  const pub = await connect(version, 'pub')
  const sent = Array.from({ length: 20 }, (_, n) => n)
  for (const n of sent) await pub.publishAsync('shared', String(n), { qos: 1 })
  for (const m of members) await m.subscribeAsync('end', { qos: 1 })
  await pub.publishAsync('end', 'end', { qos: 1 })
  const got = []
  for (const m of members) {
    const before = got.length
    for (let p = await m.next(); p.topic !== 'end'; p = await m.next()) got.push(Number(p.payload))
    assert.ok(got.length > before, 'both work')
  }
  assert.deepStrictEqual(got.sort((a, b) => a - b), sent)
  await Promise.all([...members, pub].map(c => c.endAsync()))
}

async function properties () {
  const sub = await connect(v5, 'sub')
  await sub.subscribeAsync('p', { qos: 1 })
  const sent = {
    contentType: 'text/plain',
    responseTopic: 'r',
    correlationData: Buffer.from([0, 1]),
    payloadFormatIndicator: true,
    userProperties: { k: ['v', 'w'] },
    messageExpiryInterval: 1000
  }
  await sub.publishAsync('p', 'hi', { qos: 1, properties: sent })
  const got = (await sub.next()).properties
  assert.ok(got.messageExpiryInterval > 990 && got.messageExpiryInterval <= 1000, 'expiry')
  delete sent.messageExpiryInterval
  for (const name of Object.keys(sent)) assert.deepStrictEqual(structuredClone(got[name]), structuredClone(sent[name]), name)
  await sub.endAsync()
}

// Topics become aliases on their way in and out.
async function aliases () {
  const client = await connect(v5, 'alias', { autoAssignTopicAlias: true, properties: { topicAliasMaximum: 4 } })
  await client.subscribeAsync('alias/#', { qos: 1 })
  for (let n = 0; n < 30; n++) {
    await client.publishAsync(`alias/${n % 6}`, String(n), { qos: 1 })
    const got = await client.next()
    assert.deepStrictEqual([got.topic, got.payload.toString()], [`alias/${n % 6}`, String(n)])
  }
  await client.endAsync()
}

async function subscriptionOptions () {
  const sub = await connect(v5, 'options')
  await sub.publishAsync('o/kept', 'kept', { qos: 1, retain: true })
  await sub.subscribeAsync('o/#', { qos: 1, nl: true, rap: true, rh: 2, properties: { subscriptionIdentifier: 7 } })
  await sub.publishAsync('o/own', 'own', { qos: 1 })
  const pub = await connect(v5, 'pub')
  await pub.publishAsync('o/kept', '', { qos: 1, retain: true })
  const got = await sub.next() // not its own, not what was retained
  assert.deepStrictEqual([got.payload.length, got.retain, got.properties.subscriptionIdentifier], [0, true, 7])
  await Promise.all([sub.endAsync(), pub.endAsync()])
}

// Does nothing for longer than the keep alive, beside the other tests.
async function idle (version) {
  const topic = `idle/${version.name}`
  const client = await connect(version, 'idle', { keepalive })
  client.on('close', () => { client.closed = true })
  await client.subscribeAsync(topic, { qos: 1 })
  await sleep(idleTime)
  assert.ok(!client.closed, 'still connected')
  await client.publishAsync(topic, 'awake', { qos: 1 })
  assert.strictEqual((await client.next()).payload.toString(), 'awake')
  await client.endAsync()
}

async function expiry () {
  const leaving = await connect(v5, 'away', staying)
  await leaving.subscribeAsync('away', { qos: 1 })
  await leaving.endAsync()
  const pub = await connect(v5, 'away-pub')
  await pub.publishAsync('away', 'expires', { qos: 1, properties: { messageExpiryInterval: 1 } })
  await pub.publishAsync('away', 'does not', { qos: 1 })
  await pub.endAsync()
  await sleep(idleTime)
  const back = await connect(v5, 'away', staying)
  let got = await back.next()
  while (got.dup) got = await back.next() // it came before the end of the connection, and so does not expire
  assert.strictEqual(got.payload.toString(), 'does not')
  await back.endAsync()
}

async function round () {
  for (const version of versions) {
    await exchange(version)
    await retainedAndWill(version)
    await session(version)
    await takeover(version)
    await shared(version)
  }
  await properties()
  await aliases()
  await subscriptionOptions()
}

Promise.all([round(), expiry(), ...versions.map(idle)]).catch(error => {
  console.error(error)
  process.exit(1)
})
