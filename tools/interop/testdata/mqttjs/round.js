// A round with MQTT.js in each version: argument is the port of a broker.
'use strict'

const assert = require('node:assert')
const mqtt = require('mqtt')

const port = Number(process.argv[2])
const versions = [
  { name: 'v31', protocolId: 'MQIsdp', protocolVersion: 3 },
  { name: 'v311', protocolVersion: 4 },
  { name: 'v5', protocolVersion: 5 }
]

async function connect (version, role, more) {
  const client = await mqtt.connectAsync({
    ...version, ...more, host: '127.0.0.1', port, clientId: `js-${version.name}-${role}`, reconnectPeriod: 0
  })
  const messages = []
  const waiting = []
  client.on('message', (topic, payload, packet) => {
    if (waiting.length > 0) waiting.shift()(packet)
    else messages.push(packet)
  })
  client.next = () => messages.length > 0 ? messages.shift() : new Promise(resolve => waiting.push(resolve))
  return client
}

async function exchange (version) {
  const sub = await connect(version, 'sub')
  const pub = await connect(version, 'pub')
  const granted = await sub.subscribeAsync('t/+', { qos: 2 })
  assert.strictEqual(granted[0].qos, 2)
  for (const qos of [0, 1, 2]) {
    for (let n = 0; n < 20; n++) {
      const payload = Buffer.from([qos, n, 0, 255])
      await pub.publishAsync(`t/${qos}`, payload, { qos })
      const got = await sub.next()
      assert.deepStrictEqual([got.topic, got.qos, got.retain, got.payload], [`t/${qos}`, qos, false, payload])
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

async function properties () {
  const version = versions[2]
  const sub = await connect(version, 'sub')
  await sub.subscribeAsync('p', { qos: 1 })
  const sent = {
    contentType: 'text/plain', responseTopic: 'r', correlationData: Buffer.from([0, 1]), payloadFormatIndicator: true, userProperties: { k: ['v', 'w'] }
  }
  await sub.publishAsync('p', 'hi', { qos: 1, properties: sent })
  const got = (await sub.next()).properties
  for (const name of Object.keys(sent)) assert.deepStrictEqual(structuredClone(got[name]), structuredClone(sent[name]), name)
  await sub.endAsync()
}

async function main () {
  for (const version of versions) {
    await exchange(version)
    await retainedAndWill(version)
  }
  await properties()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
