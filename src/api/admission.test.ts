import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { Admission } from './admission.ts'
import type { Client } from './admission.ts'

const limits = { total: 10, untrusted: 5, perAddress: 3 }

function make(admission: Admission) {
  const dropped: string[] = []
  const come = (name: string, ip: string, running = 0) => {
    const client: Client = { ip, running, drop: () => void dropped.push(name) }
    const socket = new Socket()
    admission.bind(socket, client)
    return { admitted: admission.admit(client), client, socket }
  }
  return { dropped, come }
}

test('one address gets its share; the oldest idle connection makes room for a new one', () => {
  const admission = new Admission(limits)
  const { dropped, come } = make(admission)
  come('a', '192.0.2.1', 1)
  for (const name of ['b', 'c', 'd']) assert.ok(come(name, '192.0.2.1').admitted)
  assert.deepEqual(dropped, ['b'])
  assert.equal(admission.counts.total, 3)
})

test('an IPv6 network of 64 bits is one address', () => {
  const { dropped, come } = make(new Admission(limits))
  for (const [index, ip] of ['fd42::1', 'fd42::2', 'fd42::3', 'fd42:0:0:1::1', 'fd42::4'].entries())
    come(String(index), ip)
  assert.deepEqual(dropped, ['0'])
})

test('where strangers are too many, the address with the most pays, busy ones last', () => {
  const { dropped, come } = make(new Admission(limits))
  come('other', '192.0.2.2')
  for (const name of ['a', 'b', 'c']) come(name, '192.0.2.1', name === 'a' ? 1 : 0)
  come('third', '192.0.2.3')
  assert.ok(come('new', '192.0.2.4').admitted)
  assert.ok(come('newer', '192.0.2.5').admitted)
  assert.deepEqual(dropped, ['b', 'c'])
})

test('strangers that are all busy make room too: nobody can keep administrators out', () => {
  const { dropped, come } = make(new Admission(limits))
  for (let n = 0; n < 5; n++) come(String(n), `192.0.2.${n}`, 1)
  assert.ok(come('admin', '198.51.100.1').admitted)
  assert.deepEqual(dropped, ['0'])
})

test('known clients are no strangers, and count only among all', () => {
  const admission = new Admission(limits)
  const { dropped, come } = make(admission)
  const known = Array.from({ length: 10 }, (_, n) => {
    const one = come(String(n), '192.0.2.1', 1)
    admission.trust(one.socket)
    return one
  })
  assert.deepEqual(dropped, [])
  assert.deepEqual(admission.counts, { total: 10, untrusted: 0 })
  assert.equal(come('more', '192.0.2.2').admitted, false)

  // One that does nothing makes room.
  for (const { client } of known.slice(3, 4)) client.running = 0
  assert.equal(come('more', '192.0.2.2').admitted, true)
  assert.deepEqual(dropped, ['3'])
})

test('who leaves makes room, also when told twice', () => {
  const admission = new Admission(limits)
  const { dropped, come } = make(admission)
  const [first] = [come('a', '192.0.2.1'), come('b', '192.0.2.1'), come('c', '192.0.2.1')]
  admission.leave(first.client)
  admission.leave(first.client)
  come('d', '192.0.2.1')
  assert.deepEqual(dropped, [])
  assert.deepEqual(admission.counts, { total: 3, untrusted: 3 })
})

test('narrower limits hold at once', () => {
  const admission = new Admission(limits)
  const { dropped, come } = make(admission)
  for (const name of ['a', 'b', 'c']) come(name, '192.0.2.1')
  come('d', '192.0.2.2')
  admission.setLimits({ total: 3, untrusted: 3, perAddress: 1 })
  assert.deepEqual(dropped, ['a', 'b'])
})
