/** The real port with real certificates: who a client is, is what it proves, and it gets what the table of access says. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { routes } from '#api/all.ts'
import { readCertificate } from '#auth/client-certificate.ts'
import { makeCertificate } from '#base/certificate.ts'
import type { CertificatePair } from '#base/certificate.ts'
import { accessTable, mark, pairsOf, rowOf } from '../api/access-table.ts'
import { TestDaemon } from '../api/daemon.ts'
import { clientCertificate, freePort } from '../api/https.ts'
import { callerNames } from '../api/impersonation.ts'
import type { Caller, RawAnswer, RawRequest } from '../api/impersonation.ts'
import { projects, Scene } from '../api/scene.ts'

let daemon: TestDaemon
let scene: Scene
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  scene = await Scene.make(daemon)
  port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
})
after(async () => {
  for (const client of clients) client.agent.destroy()
  scene[Symbol.dispose]()
  await daemon[Symbol.asyncDispose]()
})

/** Someone with a certificate, or none, and connections that stay open. */
interface Client {
  readonly pair: CertificatePair | undefined
  readonly agent: Agent
}

const clients: Client[] = []

function tlsOf(pair: CertificatePair | undefined) {
  return { rejectUnauthorized: false, ...(pair ? { cert: pair.certificate, key: pair.key } : {}) }
}

function connectAs(pair: CertificatePair | undefined, more: object = {}): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...tlsOf(pair), ...more })
  clients.push({ pair, agent })
  return { pair, agent }
}

async function call(client: Client, { method, url, headers = {}, body = '' }: RawRequest): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const all = { 'content-length': Buffer.byteLength(body), ...headers }
  const options = { host: '127.0.0.1', port, agent: client.agent, method, path: url, headers: all }
  const sent = request(options, (response) => {
    const { statusCode: status = 0, headers: received } = response
    text(response).then((read) => resolve({ status, headers: received, text: read }), reject)
  })
  sent.on('error', reject)
  sent.end(body)
  return await promise
}

function open({ pair }: Client, url: string): WebSocket {
  return new WebSocket(`wss://127.0.0.1:${port}${url}`, tlsOf(pair))
}

async function knock(client: Client, url: string): Promise<RawAnswer> {
  const socket = open(client, url)
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  socket.on('open', () => resolve({ status: 101, headers: {}, text: '' }))
  socket.on('unexpected-response', (_request, response) => {
    const { statusCode: status = 0, headers } = response
    text(response).then((read) => resolve({ status, headers, text: read }), reject)
  })
  socket.on('error', reject)
  try {
    return await promise
  } finally {
    socket.on('error', () => {})
    socket.terminate()
  }
}

const fingerprintOf = ({ certificate }: CertificatePair) => readCertificate('certificate', certificate).fingerprint

async function trust(pair: CertificatePair, input: object): Promise<CertificatePair> {
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', certificate: pair.certificate, ...input } })
  return pair
}

/** A certificate that may nothing by itself, whose owner is in a group with one permission. */
async function inGroup(name: string, permission: object): Promise<CertificatePair> {
  const pair = await trust(clientCertificate(name), { restricted: true, projects: [] })
  const group = name.replaceAll(' ', '-')
  await daemon.ok('POST', '/1.0/auth/groups', { body: { name: group, permissions: [permission] } })
  await daemon.ok('PATCH', `/1.0/auth/identities/tls/${fingerprintOf(pair)}`, { body: { groups: [group] } })
  return pair
}

/** Makes each kind of client of the table, by a certificate of its own. */
async function certificateOf(kind: Caller): Promise<CertificatePair | undefined> {
  const pair = clientCertificate(kind)
  switch (kind) {
    case 'anonymous':
      return undefined
    case 'metrics':
      return await trust(pair, { type: 'metrics' })
    case 'unnamed':
      return await trust(pair, { restricted: true, projects: [] })
    case 'restricted':
      return await trust(pair, { restricted: true, projects: ['p1'] })
    case 'admin':
      return await trust(pair, {})
    case 'p1 viewer':
    case 'p1 operator':
    case 'p1 manager':
    case 'p1 admin':
    case 'viewer':
    case 'operator':
    case 'manager': {
      const role = kind.replace('p1 ', '').replace('manager', 'project_manager')
      const where = kind.startsWith('p1 ')
        ? { entity_type: 'project', url: '/1.0/projects/p1' }
        : { entity_type: 'server', url: '/1.0' }
      return await inGroup(kind, { ...where, entitlement: role })
    }
  }
}

/** Sends every pair, in p1 and in the hidden project, and gives what is not as the table has it for a kind of client. */
async function compare(client: Client, kind: Caller): Promise<string[]> {
  const wrong: string[] = []
  for (const pair of pairsOf(routes)) {
    let found = ''
    for (const project of [projects.shown, projects.hidden]) {
      const sent = scene.request(pair, project)
      const answer = sent.method === 'UPGRADE' ? await knock(client, sent.url) : await call(client, sent)
      if (sent.method === 'DELETE' && answer.status < 300) await scene.mend(answer)
      found += mark(answer, pair)
    }
    const expected = accessTable.get(rowOf(pair))?.[kind].slice(1, 3)
    if (found !== expected) wrong.push(`${pair}: ${found}, and the table has ${expected}`)
  }
  return wrong
}

for (const kind of callerNames) {
  test(`who is ${kind} by certificate gets what the table says`, async () => {
    assert.deepEqual(await compare(connectAs(await certificateOf(kind)), kind), [])
  })
}

test('a certificate that nobody trusts, or whose time is over or has not come, is none', async () => {
  const year = (shift: number) => {
    const date = new Date(Date.now() + shift)
    date.setUTCFullYear(date.getUTCFullYear() - 1)
    return date
  }
  const made = (validFrom: Date) =>
    makeCertificate({ organization: 'test', commonName: 'x', hosts: [], usage: 'client', validFrom, years: 1 })
  // Trusted while it is valid, as an administrator's, and for three seconds more.
  const over = await trust(made(year(3000)), {})
  const early = connectAs(over)
  assert.equal((await call(early, { method: 'GET', url: '/1.0/instances' })).status, 200, 'the control')
  await sleep(4000)
  const lookAround = async (client: Client) => [
    (await call(client, { method: 'GET', url: '/1.0/instances' })).status,
    (await call(client, { method: 'GET', url: '/1.0/images' })).status,
    JSON.parse((await call(client, { method: 'GET', url: '/1.0' })).text).metadata.auth,
  ]
  assert.deepEqual(await lookAround(early), [403, 200, 'untrusted'], 'on the connection that was open')
  assert.deepEqual(await compare(connectAs(over), 'anonymous'), [])

  const toCome = made(new Date(Date.now() + 3_600_000))
  const refused = await daemon.refused('POST', '/1.0/certificates', {
    body: { type: 'client', certificate: toCome.certificate },
  })
  assert.match(refused.error, /isn't valid yet/)
  for (const pair of [toCome, clientCertificate('unknown')]) {
    assert.deepEqual(await lookAround(connectAs(pair)), [403, 200, 'untrusted'])
  }
})

test('a certificate that is removed ends what its owner has open, and gets nothing on connections that stay', async () => {
  const owner = connectAs(await trust(clientCertificate('leaver'), {}))
  const other = connectAs(await trust(clientCertificate('stayer'), {}))
  const { instance } = scene.of(projects.shown)
  const started = await call(owner, {
    method: 'POST',
    url: `/1.0/instances/${instance}/exec?project=p1`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ command: ['cat'], 'wait-for-websocket': true }),
  })
  const { operation, metadata } = JSON.parse(started.text)
  const channel = (fd: string) => `${operation}/websocket?secret=${metadata.metadata.fds[fd]}`
  const sockets = [open(owner, '/1.0/events'), open(owner, channel('0'))]
  const stays = open(other, '/1.0/events')
  for (const socket of [...sockets, stays]) socket.on('error', () => {})
  await Promise.all([...sockets, stays].map((socket) => once(socket, 'open')))
  const ask = (client: Client) => call(client, { method: 'GET', url: '/1.0/instances' })
  assert.equal((await ask(owner)).status, 200, 'the control')

  const closed = Promise.all(sockets.map((socket) => once(socket, 'close', { signal: AbortSignal.timeout(10_000) })))
  if (!owner.pair) throw new Error('no certificate')
  await daemon.ok('DELETE', `/1.0/certificates/${fingerprintOf(owner.pair)}`)
  await closed
  assert.equal((await ask(owner)).status, 403)
  assert.equal((await knock(owner, '/1.0/events')).status, 403)
  // The control: others keep theirs.
  assert.equal(stays.readyState, WebSocket.OPEN)
  assert.equal((await ask(other)).status, 200)
  stays.terminate()
})

test('a stranger who would be trusted learns nothing of projects from what he wishes for', async () => {
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.trust_password': 'right' } } })
  const headers = { 'content-type': 'application/json' }
  const wish = async (password: string, project: string) => {
    const body = JSON.stringify({ type: 'client', password, restricted: true, projects: [project] })
    const client = connectAs(clientCertificate())
    const { status, text: read } = await call(client, { method: 'POST', url: '/1.0/certificates', headers, body })
    return { status, error: JSON.parse(read).error as string }
  }
  assert.deepEqual(await wish('wrong', projects.hidden), await wish('wrong', projects.missing))
  // The control: who knows the password is told what is wrong with his wish.
  assert.match((await wish('right', projects.missing)).error, /there is no project "atlantis"/)
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.trust_password': '' } } })
})

test('no header says who a client is', async () => {
  const stranger = connectAs(clientCertificate())
  const known = fingerprintOf(await trust(clientCertificate('known'), {}))
  const lies: Readonly<Record<string, string>>[] = [
    { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', 'x-real-ip': '127.0.0.1' },
    { 'x-lxd-forwarded-address': '@', 'x-lxd-forwarded-username': 'root', 'x-lxd-forwarded-protocol': 'unix' },
    {
      'x-lxd-authenticated': known,
      'x-lxd-oidc': known,
      'x-lxd-cluster': 'true',
      'user-agent': 'lxd-cluster-notifier',
    },
    { authorization: `Bearer ${known}`, cookie: `session=${known}; oidc_access=${known}; oidc_identity=${known}` },
    { authorization: `Basic ${Buffer.from('root:root').toString('base64')}`, 'ssl-client-cert': known },
    { 'x-ssl-client-verify': 'SUCCESS', 'x-client-cert': known, 'x-as': 'admin' },
  ]
  for (const headers of lies) {
    for (const url of ['/1.0/instances', '/1.0/certificates', '/1.0/operations', '/internal/ready']) {
      const { status } = await call(stranger, { method: 'GET', url, headers })
      assert.ok([401, 403].includes(status), `${url} ${JSON.stringify(headers)}: ${status}`)
    }
    const { status, text: read } = await call(stranger, { method: 'GET', url: '/1.0', headers })
    if (status === 200) assert.equal(JSON.parse(read).metadata.auth, 'untrusted')
  }
  const plain = await call(stranger, { method: 'GET', url: '/1.0' })
  assert.equal(JSON.parse(plain.text).metadata.auth, 'untrusted', 'the control')
})

test('of many who connect at once nobody is taken for another', async () => {
  const administrator = await trust(clientCertificate('crowd'), {})
  const confined = await trust(clientCertificate('confined'), { restricted: true, projects: ['p1'] })
  const unknown = clientCertificate('nobody')
  const kinds = [
    { pair: administrator, from: '127.0.0.1', status: 200, count: 2 },
    { pair: confined, from: '127.0.0.1', status: 404, count: 0 },
    { pair: unknown, from: '127.0.0.2', status: 403, count: 0 },
    { pair: undefined, from: '127.0.0.3', status: 403, count: 0 },
  ]
  let answered = 0
  const visit = async ({ pair, from, status, count }: (typeof kinds)[number]) => {
    const client = connectAs(pair, { localAddress: from })
    try {
      for (let times = 0; times < 3; times++) {
        const answer = await call(client, { method: 'GET', url: '/1.0/instances' })
        assert.equal(answer.status, status)
        if (status === 200) assert.equal(JSON.parse(answer.text).metadata.length, count)
        answered++
      }
    } catch (error) {
      // Where there are too many strangers, some are hung up on.
      if (status !== 403 || error instanceof assert.AssertionError) throw error
    } finally {
      client.agent.destroy()
    }
  }
  const rounds = Array.from({ length: 40 }, () => kinds.map(visit))
  await Promise.all(rounds.flat())
  assert.ok(answered >= 40 * 3 * 2, `${answered} answers`)
})
