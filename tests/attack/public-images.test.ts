import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Agent, createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeCertificate } from '#base/certificate.ts'
import { silentLog } from '#base/log.ts'
import type { Json } from '../api/call.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, freePort } from '../api/https.ts'
import { Impersonation } from '../api/impersonation.ts'
import { directory, file, tar } from '../tar.ts'

// A stranger stands where strangers do, at the far end of a TLS connection, without a certificate.

function imageOf(name: string): { readonly bytes: Buffer; readonly fingerprint: string } {
  const metadata = `architecture: x86_64\ncreation_date: 1\nproperties: { os: ${name} }\n`
  const bytes = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/name', name)])
  return { bytes, fingerprint: createHash('sha256').update(bytes).digest('hex') }
}

const hidden = imageOf('hidden')
const other = imageOf('other')
const shown = imageOf('shown')
const ofProject = imageOf('of-project')
const wanted = imageOf('wanted')
const missing = 'e'.repeat(64)
const devices = { root: { type: 'disk', path: '/', pool: 'local' } }

let daemon: TestDaemon
let api: Impersonation
let port: number

/** A server inside: nobody who may not reach it should be able to make ours connect to it. */
let inside: Server
let insidePort: number
let connections = 0
let asked: string[] = []

const own = makeCertificate({
  organization: 'test',
  commonName: 'inside',
  hosts: ['127.0.0.1', 'localhost'],
  usage: 'server',
  validFrom: new Date(Date.now() - 1000),
  years: 1,
})

before(async () => {
  daemon = await TestDaemon.start()
  api = await Impersonation.start(daemon, silentLog)
  port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
  for (const name of ['p1', 'zanzibar']) await daemon.ok('POST', '/1.0/projects', { body: { name } })
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'local', driver: 'fake' } })
  await daemon.ok('PUT', '/1.0/profiles/default?project=p1', { body: { devices } })
  const type = { 'content-type': 'application/octet-stream' }
  for (const [{ bytes }, query] of [
    [hidden, ''],
    [other, ''],
    [shown, ''],
    [ofProject, '?project=zanzibar'],
  ] as const) {
    await daemon.ok('POST', `/1.0/images${query}`, { body: bytes, headers: type })
  }
  await daemon.ok('PATCH', `/1.0/images/${shown.fingerprint}`, { body: { public: true } })
  await daemon.ok('PATCH', `/1.0/images/${ofProject.fingerprint}?project=zanzibar`, { body: { public: true } })
  for (const [name, target] of [
    ['shown', shown.fingerprint],
    ['hidden', hidden.fingerprint],
  ] as const) {
    await daemon.ok('POST', '/1.0/images/aliases', { body: { name, target } })
  }

  inside = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    asked.push(request.url ?? '')
    const described = { fingerprint: wanted.fingerprint, size: wanted.bytes.length, type: 'container' }
    const path = request.url?.split('?')[0]
    if (path === `/1.0/images/${wanted.fingerprint}/export`) response.end(wanted.bytes)
    else if (path === '/1.0/images/aliases/one')
      response.end(JSON.stringify({ metadata: { target: wanted.fingerprint } }))
    else if (path === `/1.0/images/${wanted.fingerprint}`) response.end(JSON.stringify({ metadata: described }))
    else response.writeHead(404).end('{}')
  })
  inside.on('connection', () => connections++)
  inside.listen(0, '::')
  await once(inside, 'listening')
  insidePort = (inside.address() as AddressInfo).port
})

after(async () => {
  inside.closeAllConnections()
  inside.close()
  await api[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const stranger = async (path: string) => await callHttps({ port, path })

/** All of an answer that could tell something. */
async function whole(path: string): Promise<string> {
  const { status, headers, body } = await stranger(path)
  const { date: _date, ...rest } = headers
  return JSON.stringify([status, rest, body])
}

test('to a stranger a private image is as one that is not there, whatever is asked', async () => {
  const variants = (fingerprint: string) => [
    fingerprint,
    ...[1, 2, 4, 12, 63].map((length) => fingerprint.slice(0, length)),
    `${fingerprint.slice(0, 12)}%25`,
    `${fingerprint.slice(0, 12)}*`,
    `${fingerprint.slice(0, 12)}.*`,
    `_${fingerprint.slice(1)}`,
    fingerprint.toUpperCase(),
  ]
  const suffixes = ['', '/export', '?secret=x', '/export?secret=x', '?project=zanzibar', '?project=p1', '?project=nope']
  // The missing one has a beginning that no image has.
  assert.ok([hidden, other, shown, ofProject].every(({ fingerprint }) => !fingerprint.startsWith('e')))
  let compared = 0
  for (const [index, name] of variants(hidden.fingerprint).entries()) {
    const lost = variants(missing)[index] ?? ''
    if (shown.fingerprint.startsWith(name)) continue
    for (const suffix of suffixes) {
      const answer = await whole(`/1.0/images/${name}${suffix}`)
      assert.equal(answer, await whole(`/1.0/images/${lost}${suffix}`), `${name}${suffix}`)
      assert.match(answer, /^\[404,/)
      compared++
    }
  }
  assert.ok(compared >= 63)
  for (const suffix of ['', '?project=zanzibar', '?project=nope']) {
    const of = (name: string) => whole(`/1.0/images/aliases/${name}${suffix}`)
    assert.equal(await of('hidden'), await of('nobody'))
  }

  // The control: who may see it is told.
  assert.equal((await daemon.call('GET', `/1.0/images/${hidden.fingerprint.slice(0, 12)}`)).status, 200)
  assert.equal((await daemon.call('GET', '/1.0/images/aliases/hidden')).status, 200)
  assert.equal((await stranger(`/1.0/images/${shown.fingerprint.slice(0, 12)}`)).status, 200)
})

test('lists show a stranger the public images of the project default, and no project from one that is not there', async () => {
  for (const path of ['/1.0/images', '/1.0/images?recursion=1', '/1.0/images?filter=type%20eq%20container']) {
    const text = JSON.stringify((await stranger(path)).body)
    assert.ok(text.includes(shown.fingerprint))
    for (const { fingerprint } of [hidden, other, ofProject]) assert.ok(!text.includes(fingerprint), path)
  }
  assert.deepEqual((await stranger('/1.0/images/aliases')).body.metadata, ['/1.0/images/aliases/shown'])
  for (const path of ['/1.0/images', '/1.0/images/aliases']) {
    const answers = await Promise.all(
      ['p1', 'zanzibar', 'nope'].map((project) => whole(`${path}?recursion=1&project=${project}`)),
    )
    assert.equal(new Set(answers).size, 1)
    assert.match(answers[0] ?? '', /"metadata":\[\]/)
  }
  assert.equal((await stranger('/1.0/images?filter=foo')).status, 400)
})

test('the time an answer takes does not tell a private image from one that is not there', async () => {
  // One connection for all, whose beginning would take longer than all there is to tell.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const time = async (path: string) => {
    const started = process.hrtime.bigint()
    await callHttps({ port, path, agent })
    return Number(process.hrtime.bigint() - started)
  }
  const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
  const measure = async () => {
    const [forHidden, forMissing, forMore]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < 300; round++) {
      const pairs = [
        [forHidden, `/1.0/images/${hidden.fingerprint}`],
        [forMissing, `/1.0/images/${missing}`],
      ] as const
      for (const [times, path] of randomInt(2) === 0 ? pairs : pairs.toReversed()) {
        // What was asked before must not make the difference.
        await time('/1.0/images')
        times.push(await time(path))
      }
    }
    for (let round = 0; round < 50; round++) forMore.push(await time(`/1.0/images/${shown.fingerprint}/export`))
    return [median(forHidden), median(forMissing), median(forMore)] as const
  }

  // Other work of the machine makes differences too, but not each time.
  const all: string[] = []
  for (let attempt = 0; attempt < 4; attempt++) {
    const [one, two, more] = await measure()
    const difference = Math.abs(one - two)
    all.push(`${one} and ${two} ns; ${more} ns`)
    // The control: what does more takes longer, and is seen to.
    if (difference < two * 0.05 && more - two > 2 * difference) return agent.destroy()
  }
  agent.destroy()
  assert.fail(all.join('\n'))
})

async function secretOf(fingerprint: string): Promise<string> {
  const { body } = await daemon.call('POST', `/1.0/images/${fingerprint}/secret`)
  return body.metadata.metadata.secret as string
}

test('a secret opens its image only, and gives its files once, however many ask at the same time', async () => {
  const secret = await secretOf(hidden.fingerprint)
  for (const path of [
    `/1.0/images/${other.fingerprint}?secret=${secret}`,
    `/1.0/images/${hidden.fingerprint.slice(0, 12)}?secret=${secret}`,
    `/1.0/images/${hidden.fingerprint}?secret=${secret}&project=zanzibar`,
    `/1.0/images/${hidden.fingerprint}?secret=${secret.slice(0, -1)}`,
    `/1.0/images/${hidden.fingerprint}?secret=${secret}0`,
    `/1.0/images/aliases/hidden?secret=${secret}`,
  ]) {
    assert.equal((await stranger(path)).status, 404, path)
  }

  const url = `/1.0/images/${hidden.fingerprint}/export?secret=${secret}`
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await stranger(url)).status))

  assert.equal(statuses.filter((status) => status === 200).length, 1)
  assert.equal((await stranger(`/1.0/images/${hidden.fingerprint}?secret=${secret}`)).status, 404)
})

async function push(
  secret: string,
  fingerprint: string,
  bytes = wanted.bytes,
): Promise<{ status: number; body: Json }> {
  const headers = { 'x-lxd-secret': secret, 'x-lxd-fingerprint': fingerprint, 'x-lxd-public': 'true' }
  return await callHttps({ port, method: 'POST', path: '/1.0/images', headers, body: bytes.toString('latin1') })
}

async function expectWanted(): Promise<string> {
  const source = { mode: 'push', fingerprint: wanted.fingerprint }
  const { body } = await daemon.call('POST', '/1.0/images', {
    body: { source },
    headers: { 'content-type': 'application/json' },
  })
  return body.metadata.metadata.secret as string
}

function filesOf(): string[] {
  return readdirSync(join(daemon.directory, 'images'))
}

test('a stranger can not bring an image in, but with the secret for that very image, once', async () => {
  const before = filesOf()
  const secret = await expectWanted()
  for (const [text, fingerprint] of [
    ['', wanted.fingerprint],
    ['x', wanted.fingerprint],
    [secret, ''],
    [secret, other.fingerprint],
    [secret.slice(1), wanted.fingerprint],
    [await secretOf(hidden.fingerprint), hidden.fingerprint],
  ] as const) {
    const { status, body } = await push(text, fingerprint)
    assert.deepEqual([status, body.error], [403, 'not authorized'])
  }
  assert.equal((await stranger(`/1.0/images/${wanted.fingerprint}?secret=${secret}`)).status, 404)
  assert.deepEqual(filesOf(), before)

  const all = await Promise.all(Array.from({ length: 10 }, () => push(secret, wanted.fingerprint)))

  const [taken, ...more] = all.filter(({ status }) => status === 202)
  assert.equal(more.length, 0)
  assert.ok(taken)
  const { id, metadata } = taken.body.metadata
  const waited = await stranger(`/1.0/operations/${id}/wait?timeout=10&secret=${metadata.secret}`)
  assert.equal(waited.body.metadata.status, 'Success')
  assert.equal((await stranger(`/1.0/operations/${id}/wait?timeout=0`)).status, 403)
  const image = await daemon.ok('GET', `/1.0/images/${wanted.fingerprint}`)
  assert.equal(image.public, false, 'who sends it does not say what it is')
  await daemon.ok('DELETE', `/1.0/images/${wanted.fingerprint}`)
})

test('other bytes than those that were announced are thrown away', async () => {
  const before = filesOf()
  const { status, body } = await push(await expectWanted(), wanted.fingerprint, other.bytes)
  assert.equal(status, 202)
  const { id, metadata } = body.metadata

  const waited = await stranger(`/1.0/operations/${id}/wait?timeout=10&secret=${metadata.secret}`)

  assert.match(waited.body.metadata.err, /fingerprints don't match/)
  assert.deepEqual(filesOf(), before)
})

type Asked = Readonly<Record<string, unknown>>

/** Has the server connect to another one, in each way there is, and gives what it said. */
async function reachOut(as: 'restricted' | 'admin', server: string, certificate: string): Promise<string[]> {
  const source = { type: 'image', mode: 'pull', server, certificate, fingerprint: 'one' }
  const [image] = await daemon.ok('GET', '/1.0/images?project=p1')
  const requests: (readonly [string, Asked])[] = [
    ['/1.0/images?project=p1', { source }],
    ['/1.0/images?project=p1', { source: { type: 'url', url: `${server}/image` } }],
    ['/1.0/instances?project=p1', { name: `c${Math.floor(Math.random() * 1e9)}`, source }],
    [`${image.split('?')[0]}/export?project=p1`, { target: server, certificate, secret: 'x' }],
  ]
  const errors: string[] = []
  for (const [url, body] of requests) {
    const headers = { 'content-type': 'application/json' }
    const { text } = await api.call(as, { method: 'POST', url, headers, body: JSON.stringify(body) })
    const { operation, error } = JSON.parse(text) as { readonly operation: string; readonly error: string }
    if (operation === '') errors.push(error)
    else errors.push((await daemon.call('GET', `${operation}/wait?timeout=10`)).body.metadata.err)
  }
  return errors
}

test('who is no administrator can not have the server connect to what only the server reaches', async () => {
  const type = { 'content-type': 'application/octet-stream' }
  await daemon.ok('POST', '/1.0/images?project=p1', { body: imageOf('of p1').bytes, headers: type })
  const hosts = ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433', '0.0.0.0', '[::]']
  connections = 0
  for (const host of hosts) {
    for (const error of await reachOut('restricted', `https://${host}:${insidePort}`, own.certificate)) {
      assert.match(error, /only administrators may have this server connect to/, host)
    }
  }
  // Not even whether someone listens there is told.
  const closed = await reachOut('restricted', `https://127.0.0.1:${await freePort()}`, own.certificate)
  for (const error of closed) assert.match(error, /only administrators/)
  const metadataService = await reachOut('restricted', 'https://169.254.169.254', own.certificate)
  for (const error of metadataService) assert.match(error, /only administrators/)
  assert.equal(connections, 0)

  // The control: without the policy, which an administrator is not under, it connects.
  asked = []
  await reachOut('admin', `https://127.0.0.1:${insidePort}`, own.certificate)
  assert.ok(connections > 0)
  assert.ok(asked.includes('/1.0/images/aliases/one'))
  await daemon.ok('DELETE', `/1.0/images/${wanted.fingerprint}?project=p1`)
})

test('what someone without that right has put under a name stays out of reach when the server looks again', async () => {
  const { downloads, images, imageRefresh } = daemon.daemon.services
  const source = {
    server: `https://127.0.0.1:${insidePort}`,
    certificate: own.certificate,
    protocol: 'lxd',
    imageType: '',
    project: '',
    name: 'one',
    secret: '',
  }
  const common = { project: 'p1', public: false, autoUpdate: true, cached: false, properties: {}, aliases: [] }
  const fetched = await downloads.fetch({ ...common, profiles: undefined, source: { ...source, reach: 'any' } }, {})
  // As if the name had led elsewhere when it was fetched.
  const { updateSource } = fetched
  assert.ok(updateSource)
  connections = 0

  const asOf = (reach: 'any' | 'global') => ({ ...fetched, updateSource: { ...updateSource, reach } })
  await assert.rejects(imageRefresh.refresh(asOf('global'), {}), /only administrators/)
  assert.equal(connections, 0)

  assert.equal((await imageRefresh.refresh(asOf('any'), {})).fingerprint, wanted.fingerprint)
  assert.ok(connections > 0)
  await images.delete(fetched)
})

test('a server that only claims to have an image gives nobody what another project has of it', async () => {
  const claimed = { fingerprint: hidden.fingerprint, size: hidden.bytes.length, type: 'container' }
  let bytes: Buffer = Buffer.from('not the image')
  const claiming = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    if (request.url?.endsWith('/export')) response.end(bytes)
    else response.end(JSON.stringify({ metadata: claimed }))
  })
  claiming.listen(0, '127.0.0.1')
  await once(claiming, 'listening')
  const server = `https://127.0.0.1:${(claiming.address() as AddressInfo).port}`
  const source = { type: 'image', mode: 'pull', server, certificate: own.certificate, fingerprint: hidden.fingerprint }
  const headers = { 'content-type': 'application/json' }
  const ask = async () => await daemon.call('POST', '/1.0/images?project=p1', { body: { source }, headers })

  const refused = await ask()
  const { body } = await daemon.call('GET', `${refused.body.operation}/wait?timeout=10`)
  assert.match(body.metadata.err, /fingerprints don't match/)
  assert.equal((await daemon.call('GET', `/1.0/images/${hidden.fingerprint}?project=p1`)).status, 404)

  // The control: who has the bytes may have it.
  bytes = hidden.bytes
  await daemon.call('GET', `${(await ask()).body.operation}/wait?timeout=10`)
  assert.equal((await daemon.call('GET', `/1.0/images/${hidden.fingerprint}?project=p1`)).status, 200)
  claiming.closeAllConnections()
  claiming.close()
})

test('an instance that may not be is not fetched an image for', async () => {
  const server = `https://127.0.0.1:${insidePort}`
  const source = { type: 'image', mode: 'pull', server, certificate: own.certificate, fingerprint: 'one' }
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'tight', config: { restricted: 'true' } } })
  await daemon.ok('PUT', '/1.0/profiles/default?project=tight', { body: { devices } })
  const ask = async (config: object) =>
    await daemon.call('POST', '/1.0/instances?project=tight', { body: { name: 'c1', config, source } })
  connections = 0

  assert.equal((await ask({ 'security.privileged': 'true' })).status, 403)
  assert.equal((await ask({ 'limits.memory': 'much' })).status, 400)
  assert.equal(connections, 0)

  // The control: one that may be.
  const { body } = await ask({})
  assert.equal((await daemon.call('GET', `${body.operation}/wait?timeout=10`)).body.metadata.err, '')
  assert.ok(connections > 0)
  const image = await daemon.ok('GET', `/1.0/images/${wanted.fingerprint}?project=tight`)
  assert.deepEqual([image.cached, image.auto_update, image.update_source.alias], [true, true, 'one'])
  connections = 0
  await daemon.ok('POST', '/1.0/instances?project=tight', { body: { name: 'c2', source } })
  assert.equal(connections, 0, 'nor twice')
})
