import assert from 'node:assert/strict'
import { linkSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Connections } from '#auth/connections.ts'
import { fakeIdentity } from '#auth/fake-identity.ts'
import { silentAudit } from '#audit/silent-audit.ts'
import { silentLog } from '#base/log.ts'
import { noBrowsers } from './browsers.ts'
import { listenUnix } from './listen-unix.ts'
import { done } from './reply.ts'
import { makeRouter } from './router.ts'
import type { RouterOptions } from './router.ts'
import { route } from './route.ts'
import type { Services } from './services.ts'

const gid = process.getgid?.() ?? 0

let directory = ''
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'listener-'))))
afterEach(() => rmSync(directory, { recursive: true }))

async function makeApi() {
  const options: RouterOptions = {
    routes: [route('/', { get: { doc: '', access: 'untrusted', handle: () => done() } })],
    services: {} as Services,
    log: silentLog,
    ready: () => true,
    audit: silentAudit,
    identify: async () => fakeIdentity([{ role: 'admin' }]),
    projects: { has: () => true, effective: (name) => name },
  }
  const app = makeRouter(options)
  await app.ready()
  return { app, options, connections: new Connections(), browsers: () => noBrowsers }
}

async function ask(path: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const sent = request({ socketPath: path, path: '/', agent: false }, (reply) => {
    reply.resume()
    resolve(reply.statusCode)
  })
  sent.on('error', reject)
  sent.end()
  return await promise
}

/** A socket at which nobody listens, as a killed daemon leaves it. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve))
  linkSync(`${path}.live`, path)
  await new Promise((resolve) => server.close(resolve))
}

test('the socket has the mode that was asked for, replaces a stale one, and goes with its listener', async () => {
  const path = join(directory, 'unix.socket')
  await leaveSocket(path)
  await assert.rejects(ask(path), /ECONNREFUSED/)
  const listener = await listenUnix(await makeApi(), { door: 'unix', path, gid, mode: 0o660 })
  assert.equal(statSync(path).mode & 0o777, 0o660)
  assert.equal(await ask(path), 200)
  await listener[Symbol.asyncDispose]()
  assert.throws(() => statSync(path), /ENOENT/)
})

test('a socket that somebody listens at is not replaced', async () => {
  const path = join(directory, 'unix.socket')
  const api = await makeApi()
  await using _first = await listenUnix(api, { door: 'unix', path, gid, mode: 0o660 })
  await assert.rejects(listenUnix(api, { door: 'unix', path, gid, mode: 0o660 }), /already running/)
  assert.equal(await ask(path), 200)
})

test('nothing but a socket is replaced, and no link followed', async () => {
  const path = join(directory, 'unix.socket')
  const file = join(directory, 'file')
  writeFileSync(file, 'kept')
  const api = await makeApi()
  for (const plant of [() => symlinkSync(file, path), () => symlinkSync('nowhere', path), () => linkSync(file, path)]) {
    plant()
    await assert.rejects(listenUnix(api, { door: 'unix', path, gid, mode: 0o666 }), /something else than a socket/)
    rmSync(path)
  }
  assert.notEqual(statSync(file).mode & 0o777, 0o666)
})
