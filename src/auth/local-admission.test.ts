import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { LocalAdmission } from './local-admission.ts'
import type { LocalUsers } from './local-users.ts'

/** Users 1 to 9 are mapped, 0 is an administrator. */
function scene() {
  const peers = new Map<Socket, number>()
  const users = {
    peer: (socket: Socket) => {
      const uid = peers.get(socket)
      return uid === undefined ? undefined : { uid, pid: 1, gids: new Set<number>() }
    },
    isAdministrator: ({ uid }: { uid: number }) => uid === 0,
    isMapped: ({ uid }: { uid: number }) => uid < 10,
  } as unknown as LocalUsers
  const { admit } = new LocalAdmission(users)
  const connect = (uid: number | undefined, door: 'unix' | 'unix-user' = 'unix-user') => {
    const socket = new EventEmitter() as Socket
    if (uid !== undefined) peers.set(socket, uid)
    return { socket, admitted: admit(socket, { door, address: '@' }) }
  }
  const many = (uid: number, count: number) => Array.from({ length: count }, () => connect(uid))
  const admitted = (all: readonly { readonly admitted: boolean }[]) => all.filter((one) => one.admitted).length
  return { connect, many, admitted }
}

test('each user has so many connections, and gets them back as they close', () => {
  const { many, admitted, connect } = scene()
  const mine = many(1, 300)
  assert.equal(admitted(mine), 256)
  assert.equal(admitted(many(2, 300)), 256)
  mine[0]!.socket.emit('close')
  assert.equal(admitted([connect(1), connect(1)]), 1)
})

test('users without a role have few, and few all together, whoever they say they are', () => {
  const { many, admitted, connect } = scene()
  assert.equal(admitted(many(100, 10)), 4)
  const others = Array.from({ length: 100 }, (_, index) => connect(1000 + index))
  assert.equal(admitted(others), 60)
  assert.equal(connect(1).admitted, true)
})

test('administrators and the other socket are not counted; who does not tell who it is stays out', () => {
  const { many, admitted, connect } = scene()
  assert.equal(admitted(many(0, 1000)), 1000)
  assert.equal(connect(undefined).admitted, false)
  assert.equal(connect(undefined, 'unix').admitted, true)
})
