import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { verifyDirectory } from '#audit/verify.ts'
import { readCertificate } from '#auth/client-certificate.ts'
import { silentLog } from '#base/log.ts'
import type { CertificatePair } from '#base/certificate.ts'
import type { Event } from '#events/events.ts'
import type { Json } from '../api/call.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, clientCertificate, freePort } from '../api/https.ts'
import { Impersonation } from '../api/impersonation.ts'
import type { Caller } from '../api/impersonation.ts'

let daemon: TestDaemon
let port = 0
const heard: Event[] = []
before(async () => {
  daemon = await TestDaemon.start()
  daemon.daemon.services.events.subscribe((event) => heard.push(event))
  port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
})
after(() => daemon[Symbol.asyncDispose]())

const fingerprintOf = ({ certificate }: CertificatePair) => readCertificate('certificate', certificate).fingerprint
const file = () => readFileSync(join(daemon.directory, 'audit', 'audit.log'), 'utf8')
const lines = (): Json[] =>
  file()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)
/** What the log has gained since it had `from` lines. */
const since = (from: number): Json[] => lines().slice(from)

async function as(pair: CertificatePair | undefined, method: string, path: string, body?: unknown) {
  const tls = pair ? { cert: pair.certificate, key: pair.key } : {}
  const { status } = await callHttps({ port, method, path, tls, ...(body ? { body: JSON.stringify(body) } : {}) })
  return status
}

async function trusted(input: object = {}): Promise<CertificatePair> {
  const pair = clientCertificate()
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', certificate: pair.certificate, ...input } })
  return pair
}

function eventsOver(pair: CertificatePair, query = ''): WebSocket {
  const tls = { cert: pair.certificate, key: pair.key, rejectUnauthorized: false }
  return new WebSocket(`wss://127.0.0.1:${port}/1.0/events${query}`, tls)
}

async function verify(): Promise<void> {
  const anchor = await daemon.daemon.services.audit.log.anchor()
  assert.equal((await verifyDirectory(join(daemon.directory, 'audit'), { anchor })).broken, undefined)
}

test('no secret of a body, a query or a header gets into the audit log, the log or security events', async () => {
  const from = heard.length
  let count = 0
  const secrets: string[] = []
  const secret = (): string => {
    const made = `s3cret-${count++}-${Math.random().toString(36).slice(2)}`
    secrets.push(made)
    return made
  }
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.trust_password': secret(), 'user.x': secret() } } })
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'x', config: { 'user.key': secret() } } })
  const headers = { authorization: `Bearer ${secret()}`, cookie: `a=${secret()}`, 'x-lxd-other': secret() }
  await daemon.ok('PUT', '/1.0/profiles/x', { headers, body: { config: { 'environment.PASSWORD': secret() } } })
  await daemon.refused('PUT', `/1.0/profiles/x?secret=${secret()}&token=${secret()}`, { body: [secret()] })
  await daemon.refused('GET', `/1.0/images/${'a'.repeat(64)}/export?secret=${secret()}`)
  const stranger = clientCertificate()
  const proof = { type: 'client', password: secret() }
  assert.equal(await as(stranger, 'POST', `/1.0/certificates?token=${secret()}`, proof), 403)
  const token = Buffer.from(JSON.stringify({ secret: secret(), fingerprint: 'x', addresses: [] })).toString('base64')
  secrets.push(token)
  assert.equal(await as(stranger, 'POST', '/1.0/certificates', { type: 'client', password: token }), 403)
  assert.equal(await as(undefined, 'PUT', `/1.0?password=${secret()}`, { config: { 'user.y': secret() } }), 403)
  const body = { type: 'client', token: true, name: 'joins' }
  const { body: made } = await daemon.call('POST', '/1.0/certificates', { body })
  secrets.push(made.metadata.metadata.secret)

  const texts = [file(), ...heard.slice(from).flatMap((event) => toldText(event))]
  for (const one of secrets) for (const text of texts) assert.ok(!text.includes(one), `${one} in ${text.slice(-2000)}`)
  // They were taken in, and where they belong they are.
  const shown = JSON.stringify(await daemon.ok('GET', '/1.0/profiles/x'))
  assert.ok(secrets.some((one) => shown.includes(one)))
  assert.ok(heard.some(({ type }) => type === 'security') && heard.some(({ type }) => type === 'logging'))
})

function toldText(event: Event): string[] {
  return event.type === 'logging' || event.type === 'security' ? [JSON.stringify(event)] : []
}

test('no text of a client forges a line, hides one or moves a terminal', async () => {
  const from = lines().length
  const forged = '{"event":"daemon-stopped","pid":1}'
  const hostile = [`x\n${forged}\n`, `x\r\n${forged}`, 'x\u001b[2J\u001b[H', 'x\u0000\u0085\u2028', '"},{', 'x\u202e']
  for (const name of hostile) {
    await daemon.call('PUT', `/1.0/profiles/${encodeURIComponent(name)}`, { body: {} })
    await daemon.call('DELETE', `/1.0/projects/p1?project=${encodeURIComponent(name)}`)
  }
  // As long as a path can be: longer ones are refused by the HTTP parser.
  for (const length of [300, 1000, 12_000]) await daemon.call('DELETE', `/1.0/profiles/${'n'.repeat(length)}`)
  await daemon.call('DELETE', `/1.0/profiles/x?project=${'p'.repeat(12_000)}`)

  const text = file()
  assert.match(text, /^[\x20-\x7e\n]*$/)
  const added = since(from)
  assert.ok(added.every(({ event }) => event === 'request' || event === 'answer'))
  // What they wrote is there, as text.
  for (const name of hostile) assert.ok(added.some(({ params }) => params?.name === name))
  assert.ok(text.split('\n').every((line) => line.length < 4000))
  await verify()
})

test('who is denied is there, with all that is known of it', async () => {
  const from = lines().length
  const stranger = clientCertificate()
  const restricted = await trusted({ restricted: true, projects: ['p1'] })
  assert.equal(await as(undefined, 'GET', '/1.0/projects'), 403)
  assert.equal(await as(stranger, 'DELETE', '/1.0/instances/c1'), 403)
  assert.equal(await as(restricted, 'GET', '/1.0/instances?project=default'), 404)
  assert.equal(await as(restricted, 'GET', '/1.0/instances?project=nope'), 404)
  assert.equal(await as(restricted, 'GET', '/1.0/instances?project=p1'), 200)
  assert.equal(await as(restricted, 'POST', '/1.0/projects', { name: 'mine' }), 403)
  const socket = eventsOver(stranger)
  await once(socket, 'error')
  const headers = { origin: 'https://evil.example' }
  assert.equal((await callHttps({ port, method: 'DELETE', path: '/1.0/instances/c1', headers })).status, 403)

  const denied = since(from).filter(({ decision }) => decision === 'denied')
  assert.deepEqual(
    denied.map(({ method, route, status, who }) => [method, route, status, who.method]),
    [
      ['GET', '/1.0/projects', 403, 'none'],
      ['DELETE', '/1.0/instances/{name}', 403, 'none'],
      ['GET', '/1.0/instances', 404, 'tls'],
      ['GET', '/1.0/instances', 404, 'tls'],
      ['POST', '/1.0/projects', 403, 'tls'],
      ['WEBSOCKET', '/1.0/events', 403, 'none'],
      ['DELETE', '*', 403, 'none'],
    ],
  )
  assert.equal(denied[1].who.certificate, fingerprintOf(stranger))
  assert.equal(denied[2].who.id, fingerprintOf(restricted))
  assert.match(denied[2].who.address, /^127\.0\.0\.1:\d+$/)
  assert.deepEqual(denied[1].params, { name: 'c1' })
})

test('failed logins are there: by the password, by a token, by a certificate that was removed', async () => {
  const from = lines().length
  const stranger = clientCertificate()
  await as(stranger, 'POST', '/1.0/certificates', { type: 'client', password: 'wrong' })
  const token = Buffer.from(JSON.stringify({ secret: 'wrong', fingerprint: 'x', addresses: [] })).toString('base64')
  await as(stranger, 'POST', '/1.0/certificates', { type: 'client', password: token })
  const failed = since(from).filter(({ event }) => event === 'login-failed')
  assert.deepEqual(
    failed.map(({ who, reason }) => [who.method, reason]),
    [
      ['password', 'wrong password'],
      ['token', 'wrong token'],
    ],
  )
})

test('every change is there with who made it, what came of it, and before the answer', async () => {
  const from = lines().length
  const boss = await trusted({ name: 'boss' })
  assert.equal(await as(boss, 'POST', '/1.0/projects', { name: 'made' }), 201)
  const [asked, answered] = since(from).slice(-2)
  assert.equal(asked.who.id, fingerprintOf(boss))
  assert.deepEqual(
    [asked.method, asked.route, asked.action, asked.decision],
    ['POST', '/1.0/projects', 'admin', 'allowed'],
  )
  assert.deepEqual(
    { request: answered.request, status: answered.status, objects: answered.objects },
    { request: asked.sequence, status: 201, objects: ['/1.0/projects/made'] },
  )
  await daemon.ok('POST', '/1.0/projects/made', { body: { name: 'renamed' } })
  const ended = lines().at(-1)
  assert.deepEqual([ended.event, ended.result], ['end', 'success'])
  const local = lines().find(({ sequence }) => sequence === ended.request)
  assert.deepEqual([local.who.method, local.who.uid, local.who.pid], ['unix', process.getuid?.(), process.pid])
  await daemon.ok('DELETE', '/1.0/projects/renamed')

  await daemon.ok('PATCH', '/1.0', { body: { config: { 'user.changed': 'x' } } })
  assert.deepEqual(lines().findLast(({ event }) => event === 'config-changed').keys, ['user.changed'])
  // Reading is not written down, unless that is asked for.
  const before = lines().length
  await daemon.ok('GET', '/1.0/projects')
  assert.equal(lines().length, before)
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.audit_reads': 'true' } } })
  await daemon.ok('GET', '/1.0/projects')
  assert.ok(since(before).some(({ method, route }) => method === 'GET' && route === '/1.0/projects'))
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.audit_reads': '' } } })
  await verify()
})

test('a flood of denials is some lines and a number, and hides nobody else', async () => {
  // The others are of this minute, and of this address.
  const flooder = clientCertificate()
  const from = lines().length
  const tls = { cert: flooder.certificate, key: flooder.key }
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const flood = Array.from({ length: 300 }, () => callHttps({ port, path: '/1.0/projects', tls, agent }))
  for (const { status } of await Promise.all(flood)) assert.equal(status, 403)
  agent.destroy()
  assert.ok(since(from).length <= 30, `${since(from).length}`)
  // The control: without a limit each would have been a line, as every change of a known client is.
  const known = lines().length
  for (let round = 0; round < 40; round++) await daemon.call('DELETE', '/1.0/profiles/nope')
  assert.equal(since(known).filter(({ event }) => event === 'request').length, 40)
  await daemon.close()
  const left = lines().filter(({ event }) => event === 'left-out')
  assert.ok(left.reduce((sum, { count }) => sum + count, 0) >= 270)
  await daemon.open()
  daemon.daemon.services.events.subscribe((event) => heard.push(event))
})

test('security events and log lines are told to administrators only', async () => {
  const restricted = await trusted({ restricted: true, projects: ['p1'] })
  for (const type of ['security', 'logging', 'lifecycle,security']) {
    const socket = eventsOver(restricted, `?project=p1&type=${type}`)
    const [error] = (await once(socket, 'error')) as [Error]
    assert.match(error.message, /403/)
  }
  const boss = await trusted()
  const [bosses, theirs, usual] = [
    eventsOver(boss, '?all-projects=true&type=security'),
    eventsOver(restricted, '?project=p1'),
    eventsOver(boss, '?all-projects=true'),
  ]
  const told = new Map([bosses, theirs, usual].map((socket) => [socket, [] as Event[]]))
  for (const [socket, list] of told) {
    socket.on('message', (data: Buffer) => list.push(JSON.parse(data.toString()) as Event))
  }
  await Promise.all([...told.keys()].map((socket) => once(socket, 'open')))
  await as(restricted, 'POST', '/1.0/projects?project=p1', { name: 'mine' })
  await daemon.ok('POST', '/1.0/profiles?project=p1', { body: { name: 'theirs' } })
  while (!told.get(theirs)?.some(({ type }) => type === 'lifecycle')) await new Promise((done) => setTimeout(done, 5))
  const [event] = told.get(bosses) ?? []
  const { name, level, request_path, request_method, requestor } = event!.metadata as Json
  assert.deepEqual(
    { name, level, request_path, request_method, username: requestor.username },
    {
      name: `authz_fail:${fingerprintOf(restricted)}`,
      level: 'warning',
      request_path: '/1.0/projects',
      request_method: 'POST',
      username: fingerprintOf(restricted),
    },
  )
  assert.deepEqual([...new Set(told.get(theirs)?.map(({ type }) => type))], ['lifecycle'])
  // A client that asks for no types is told of LXD's, which it knows.
  const types = new Set(told.get(usual)?.map(({ type }) => type))
  assert.ok(types.has('logging') && types.has('lifecycle') && !types.has('security'))
  for (const socket of told.keys()) socket.terminate()
})

test('denials in a project are told to its administrators, and those of who may not view it are not', async () => {
  await using api = await Impersonation.start(daemon, silentLog)
  const told = new Map<Caller, string[]>()
  const sockets = await Promise.all(
    (['p1 admin', 'admin'] as const).map(async (as) => {
      const socket = api.connect(as, '/1.0/events?project=p1&type=security')
      const names: string[] = []
      told.set(as, names)
      socket.on('message', (data: Buffer) => names.push(JSON.parse(data.toString()).metadata.requestor.username))
      await once(socket, 'open')
      return socket
    }),
  )
  for (const as of ['p1 manager', 'p1 viewer', 'viewer', 'anonymous'] as const) {
    const socket = api.connect(as, '/1.0/events?project=p1&type=security')
    const [error] = (await once(socket, 'error')) as [Error]
    assert.match(error.message, /40[34]/, as)
  }
  told.forEach((names) => names.splice(0))
  for (const as of ['p1 viewer', 'unnamed', 'anonymous'] as const) {
    assert.ok((await api.call(as, { method: 'DELETE', url: '/1.0/instances/c1?project=p1' })).status >= 403)
  }
  while ((told.get('admin')?.length ?? 0) < 1) await new Promise((done) => setTimeout(done, 5))
  await new Promise((done) => setTimeout(done, 50))
  assert.deepEqual(told.get('p1 admin'), ['a viewer of p1'])
  // Of no project, as it may not be known that there is this one.
  assert.deepEqual(told.get('admin'), ['a viewer of p1', 'a known client without grants', ''])
  for (const socket of sockets) socket.terminate()
})

test('while the log cannot be written, changes go on or are refused, as is configured; reading goes on', async () => {
  const directory = join(daemon.directory, 'audit')
  const change = () => daemon.call('PATCH', '/1.0', { body: { config: { 'user.when': 'full' } } })
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.audit_required': 'true' } } })
  assert.equal((await change()).status, 200)
  renameSync(directory, `${directory}.away`)
  writeFileSync(directory, 'in the way')
  const { status, body } = await change()
  assert.deepEqual([status, body.error.split(': ')[1]], [503, 'the audit log cannot be written'])
  assert.equal((await daemon.call('GET', '/1.0')).status, 200)
  const { warnings } = daemon.daemon.services
  await warnings.flush()
  const found = warnings.list().find(({ type }) => type === 'Audit log cannot be written')
  assert.equal(found?.status, 'new')

  rmSync(directory)
  renameSync(`${directory}.away`, directory)
  assert.equal((await change()).status, 200)
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.audit_required': '' } } })
  rmSync(`${directory}.away`, { recursive: true, force: true })
  assert.ok(lines().some(({ event }) => event === 'log-resumed'))
  // What was refused is there as well: it was asked for.
  await verify()

  renameSync(directory, `${directory}.away`)
  writeFileSync(directory, 'in the way')
  assert.equal((await change()).status, 200)
  rmSync(directory)
  renameSync(`${directory}.away`, directory)
})

test('a client whose certificate is removed is told nothing more, and hears that at once', async () => {
  const [removed, kept] = [await trusted(), await trusted()]
  const sockets = [eventsOver(removed, '?type=lifecycle'), eventsOver(kept, '?type=lifecycle')] as const
  const told: Event[] = []
  await Promise.all(sockets.map((socket) => once(socket, 'open')))
  sockets[0].on('message', (data: Buffer) => told.push(JSON.parse(data.toString()) as Event))
  const closed = once(sockets[0], 'close')
  await daemon.ok('DELETE', `/1.0/certificates/${fingerprintOf(removed)}`)
  await closed
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'later' } })
  assert.ok(told.every(({ metadata }) => !JSON.stringify(metadata).includes('later')))
  assert.equal(sockets[1].readyState, WebSocket.OPEN)
  sockets[1].terminate()
})

test('a download of a client whose certificate is removed is cut', async () => {
  const pair = await trusted()
  const tls = { cert: pair.certificate, key: pair.key }
  const { body } = await daemon.call('POST', '/1.0/certificates', { body: { type: 'client', token: true, name: 'w' } })
  const waiting = callHttps({ port, path: `${body.operation}/wait`, tls })
  const cut = assert.rejects(waiting)
  await new Promise((done) => setTimeout(done, 100))
  await daemon.ok('DELETE', `/1.0/certificates/${fingerprintOf(pair)}`)
  await cut
})

test('a path that no HTTP parser takes is no line at all', async () => {
  const before = lines().length
  const sent = request({
    socketPath: join(daemon.directory, 'unix.socket'),
    method: 'DELETE',
    path: `/1.0/profiles/${'x'.repeat(65_536)}`,
  })
  // The rest of the path is not read.
  const answered = once(sent, 'response')
  sent.on('error', () => {})
  sent.end()
  const [response] = (await answered) as [{ statusCode: number; resume(): void }]
  response.resume()
  assert.equal(response.statusCode, 431)
  assert.equal(lines().length, before)
})
