import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findIds } from './name-service.ts'
import { peerCredentials, peerGroups } from './peer-credentials.ts'
import { run } from './run.ts'

test('the kernel tells who is at the other end of a Unix socket, and in which groups they are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'peer-'))
  const server = createServer().listen(join(directory, 's'))
  const client = connect(join(directory, 's'))
  const [socket] = (await once(server, 'connection')) as [Socket]
  const { uid, gid, pid } = peerCredentials(socket)!
  assert.deepEqual([uid, gid, pid], [process.getuid!(), process.getgid!(), process.pid])
  const own = execFileSync('id', ['-G'], { encoding: 'utf8' }).trim().split(' ').map(Number)
  assert.deepEqual(new Set([gid, ...peerGroups(socket)]), new Set(own))
  client.destroy()
  server.close()
  rmSync(directory, { recursive: true })
})

test('a socket that is none of these tells nothing', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  assert.deepEqual(peerGroups(socket), [])
  client.destroy()
  await once(socket, 'close')
  assert.deepEqual([peerCredentials(socket), peerGroups(socket)], [undefined, []])
  server.close()
})

test('names of the host are looked up, and what is no name is not asked for', async () => {
  assert.deepEqual(
    await findIds(run, 'passwd', ['root', 'nobody-is-called-so', '0', '-s', 'a b']),
    new Map([['root', 0]]),
  )
  assert.deepEqual(await findIds(run, 'group', []), new Map())
})
