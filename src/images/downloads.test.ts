import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate } from '#base/certificate.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { run } from '#host/run.ts'
import { Operations } from '#operations/operations.ts'
import { defaultProfileOf } from '#profiles/default-profile.ts'
import { Profiles } from '#profiles/profiles.ts'
import { fakePolicy } from '#projects/policy/fake-policy.ts'
import { Projects } from '#projects/projects.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { directory, file, tar } from '../../tests/tar.ts'
import { Downloads } from './downloads.ts'
import type { FetchRequest, RemoteSource } from './downloads.ts'
import { Images } from './images.ts'
import { Outbound } from './outbound.ts'
import { ImageRefresh } from './refresh.ts'

const metadata = 'architecture: amd64\ncreation_date: 1700000000\nproperties: { os: busybox }\n'
const image = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/x', 'x'.repeat(99_999))])
const fingerprint = createHash('sha256').update(image).digest('hex')

const pair = (name: string) =>
  makeCertificate({
    organization: 'test',
    commonName: name,
    hosts: ['127.0.0.1'],
    usage: 'server',
    validFrom: new Date(Date.now() - 1000),
    years: 1,
  })
const own = pair('own')
const other = pair('other')

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server that answers as a test wants it to; without an answer of the test's own it behaves. */
let answers: Record<string, Handler> = {}
let asked: string[] = []
let server: Server
let url: string

/** Envelope, as LXD has it. */
function json(metadata: unknown): Handler {
  return (_request, response) => response.end(JSON.stringify({ type: 'sync', metadata }))
}

const missing: Handler = (_request, response) => {
  response.statusCode = 404
  response.end(JSON.stringify({ type: 'error', error: 'Image not found', error_code: 404 }))
}

const described = {
  fingerprint,
  size: image.length,
  type: 'container',
  filename: '../../etc/passwd',
  properties: { os: 'busybox', release: '1' },
  expires_at: '2030-01-01T00:00:00Z',
  public: true,
}

const honest: Readonly<Record<string, Handler>> = {
  '/1.0/images/aliases/one': json({ name: 'one', target: fingerprint }),
  [`/1.0/images/${fingerprint}`]: json(described),
  [`/1.0/images/${fingerprint}/export`]: (_request, response) => response.end(image),
}

const limits = { connect: 5000, answer: 700, idle: 5000 }
const meter = { idle: 700, least: 2000, rate: 1 << 20 }

let root: string
let images: Images
let downloads: Downloads
let close: () => Promise<void>

async function open(): Promise<void> {
  root = mkdtempSync(join(tmpdir(), 'lxd-downloads-'))
  const store = openSqliteStore(join(root, 'lxd.db'))
  const events = new Events({ log: silentLog })
  const policy = fakePolicy(store)
  const projects = new Projects({ store, events, policy, belongings: defaultProfileOf(store) })
  await projects.start()
  const common = { store, events, log: silentLog, policy, projects }
  const profiles = new Profiles({ ...common, instanceKeys: {}, checkDevices: () => {} })
  images = new Images({ ...common, run, profiles, directory: mkdtempSync(join(root, 'images-')) })
  const resolve = async (host: string) => (host === 'inside.example' ? ['127.0.0.1'] : ['203.0.113.1'])
  const outbound = new Outbound({ allowed: () => [], limits, resolve })
  downloads = new Downloads({ images, outbound, log: silentLog, limits: meter })
  close = async () => await store[Symbol.asyncDispose]()
}

function imagesDirectory(): string {
  return join(root, readdirSync(root).find((name) => name.startsWith('images-')) ?? '')
}

/** Nothing is left but the images that there are. */
function assertClean(): void {
  const kept = images.list('default').map((one) => one.fingerprint)
  assert.deepEqual(readdirSync(imagesDirectory()), kept)
}

beforeEach(async () => {
  answers = {}
  asked = []
  server = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    asked.push(request.url ?? '')
    const path = request.url?.split('?')[0] ?? ''
    const answer = answers[path] ?? honest[path] ?? missing
    answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  await open()
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await close()
  rmSync(root, { recursive: true })
})
after(() => server.closeAllConnections())

function source(more: Partial<RemoteSource> = {}): RemoteSource {
  const common = { protocol: 'lxd', imageType: '', project: '', reach: 'any', secret: '' } as const
  return { ...common, server: url, certificate: own.certificate, name: 'one', ...more }
}

function wanted(more: Partial<RemoteSource> = {}, request: Partial<FetchRequest> = {}): FetchRequest {
  return {
    project: 'default',
    source: source(more),
    public: false,
    autoUpdate: true,
    cached: false,
    properties: {},
    profiles: undefined,
    aliases: [],
    ...request,
  }
}

async function fails(message: RegExp, more: Partial<RemoteSource> = {}): Promise<void> {
  await assert.rejects(downloads.fetch(wanted(more), {}), (error: Error) => {
    const all = [error.message, (error.cause as Error | undefined)?.message ?? ''].join(': ')
    assert.match(all, message)
    return true
  })
  assertClean()
  assert.deepEqual(images.list('default'), [])
}

test('an image is fetched by its alias, and what is kept of it is what was verified', async () => {
  const seen: string[] = []

  const got = await downloads.fetch(wanted({}, { aliases: [{ name: 'mine', description: 'd' }] }), {
    progress: (stage, text) => seen.push(`${stage} ${text}`),
  })

  assert.equal(got.fingerprint, fingerprint)
  assert.deepEqual(got.properties, { os: 'busybox', release: '1' })
  assert.equal(got.filename, 'passwd', 'a name, never a path')
  assert.equal(got.expiresAt, '2030-01-01T00:00:00Z')
  assert.equal(got.architecture, 'x86_64')
  assert.deepEqual([got.autoUpdate, got.updateSource?.alias], [true, 'one'])
  assert.equal(images.aliases.get('default', 'mine').target, fingerprint)
  assert.match(seen.at(-1) ?? '', /^download 100% \(\d+\.\d\dMB\/s\)$/)
  assertClean()
})

test('a split image is fetched as a form', async () => {
  const rootfs = tar([file('x', 'x')])
  const own = tar([file('metadata.yaml', metadata)])
  const whole = createHash('sha256').update(own).update(rootfs).digest('hex')
  const part = (name: string, content: Buffer) => [
    `--b\r\nContent-Disposition: form-data; name="${name}"; filename="../${name}"\r\n`,
    'Content-Type: application/octet-stream\r\n\r\n',
    content,
    '\r\n',
  ]
  answers = {
    '/1.0/images/aliases/one': json({ target: whole }),
    [`/1.0/images/${whole}`]: json({ ...described, fingerprint: whole, size: own.length + rootfs.length }),
    [`/1.0/images/${whole}/export`]: (_request, response) => {
      response.setHeader('content-type', 'multipart/form-data; boundary=b')
      for (const piece of [...part('metadata', own), ...part('rootfs', rootfs)]) response.write(piece)
      response.end('--b--\r\n')
    },
  }

  const got = await downloads.fetch(wanted(), {})

  assert.deepEqual([got.fingerprint, got.split], [whole, true])
})

test('a private image is asked for with its secret, and nothing else is asked for', async () => {
  await downloads.fetch(wanted({ name: fingerprint, secret: 's e', project: 'p' }), {})

  const query = '?project=p&secret=s+e'
  assert.deepEqual(asked, [`/1.0/images/${fingerprint}${query}`, `/1.0/images/${fingerprint}/export${query}`])
  assert.equal(images.list('default')[0]?.updateSource, undefined, 'no secret is kept')
})

const endless: Handler = (_request, response) => {
  const more = () => {
    while (response.writable && response.write(Buffer.alloc(1 << 16, 0x20)));
    response.once('drain', more)
  }
  more()
}

test('other bytes than the fingerprint says are thrown away', async () => {
  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => response.end(`${image.toString()}x`)
  await fails(/fingerprints don't match, got [0-9a-f]{64} expected/)
})

test('more bytes than were announced are not read', async () => {
  answers[`/1.0/images/${fingerprint}/export`] = endless
  await fails(/sends more than the \d+ bytes/)
})

test('an answer without an end is not read', async () => {
  answers['/1.0/images/aliases/one'] = endless
  await fails(/more than 1048576 bytes/)
})

test('a redirect is not followed', async () => {
  for (const path of ['/1.0/images/aliases/one', `/1.0/images/${fingerprint}`, `/1.0/images/${fingerprint}/export`]) {
    answers = {
      [path]: (_request, response) => response.writeHead(302, { location: `${url}/elsewhere` }).end(),
    }
    await fails(/redirect/)
  }
  assert.ok(!asked.includes('/elsewhere'))
})

test('a server that says nothing, or drop by drop, is left', async () => {
  answers['/1.0/images/aliases/one'] = () => {}
  await fails(/takes too long to answer/)

  answers = { [`/1.0/images/${fingerprint}/export`]: (_request, response) => response.write('x') }
  await fails(/too slowly/)

  answers = {
    [`/1.0/images/${fingerprint}/export`]: (_request, response) => {
      const timer = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(timer))
    },
  }
  await fails(/too slowly/)
})

test('a server that breaks off leaves nothing', async () => {
  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => {
    response.write(image.subarray(0, 50_000))
    setTimeout(() => response.destroy(), 50)
  }
  await fails(/ended the connection early/)

  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => {
    response.setHeader('content-type', 'multipart/form-data; boundary=b')
    response.write('--b\r\nContent-Disposition: form-data; name="metadata"; filename="x"\r\n\r\nabc')
    setTimeout(() => response.destroy(), 50)
  }
  await fails(/ended the connection early/)
})

test('that the disk does not take it is said as it is', async () => {
  rmSync(imagesDirectory(), { recursive: true })

  await assert.rejects(downloads.fetch(wanted(), {}), /ENOENT/)
})

test('answers that can not be true are refused', async () => {
  for (const [change, message] of [
    [{ fingerprint: '../../etc' }, /expected the fingerprint/],
    [{ fingerprint: 'f'.repeat(64) }, /expected the fingerprint/],
    [{ fingerprint: fingerprint.toUpperCase() }, /expected the fingerprint/],
    [{ size: -1 }, /expected a size/],
    [{ size: 2 ** 52 }, /expected a size/],
    [{ size: 'x' }, /"size" must be an integer/],
    [{ type: 'virtual-machine' }, /of type "container"/],
    [{ properties: { ['x\n']: 'y' } }, /Invalid image property/],
    [{ properties: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [i, ''])) }, /more than 1000/],
    [{ expires_at: 'soon' }, /"expires_at" must be a time/],
  ] as const) {
    answers[`/1.0/images/${fingerprint}`] = json({ ...described, ...change })
    await assert.rejects(downloads.fetch(wanted(), {}), (error: Error) => {
      const all: string[] = []
      for (let at: unknown = error; at instanceof Error; at = at.cause) all.push(at.message)
      assert.match(all.join(': '), message)
      return true
    })
    assertClean()
  }
  answers[`/1.0/images/${fingerprint}`] = (_request, response) => response.end('<html>')
  await fails(/no JSON/)
  answers[`/1.0/images/${fingerprint}`] = missing
  await fails(/not found on the server/)
})

test('only the certificate that was agreed on will do', async () => {
  await fails(/shows another certificate/, { certificate: other.certificate })
  await fails(/self-signed certificate|Cannot connect/, { certificate: '' })
  assert.deepEqual(asked, [], 'nothing was said to it')
})

test('without one, an authority has to vouch for the server, under the name it was called by', async () => {
  const resolve = async () => ['127.0.0.1']
  const outbound = new Outbound({ allowed: () => [], limits, resolve, authorities: () => [own.certificate] })
  downloads = new Downloads({ images, outbound, log: silentLog, limits: meter })
  await fails(/does not match certificate's altnames|altnames/, {
    certificate: '',
    server: url.replace('127.0.0.1', 'other.example'),
  })
  assert.deepEqual(asked, [], 'nothing was said to it')

  assert.equal((await downloads.fetch(wanted({ certificate: '' }), {})).fingerprint, fingerprint)
})

test('who is no administrator reaches nothing inside', async () => {
  const { port } = new URL(url)
  for (const server of [
    url,
    `https://inside.example:${port}`,
    `https://localhost.:${port}`,
    `https://0x7f.1:${port}`,
  ]) {
    const certificate = own.certificate
    if (server.includes('localhost')) continue
    await fails(/only administrators/, { server, certificate, reach: 'global' })
  }
  assert.deepEqual(asked, [], 'nothing was said to it')

  const byName = await downloads.fetch(wanted({ server: `https://inside.example:${port}` }), {})
  assert.equal(byName.fingerprint, fingerprint, 'the control: an administrator does')
})

test('what can be no source is told before anything is asked for', () => {
  for (const [change, message] of [
    [{ server: 'http://127.0.0.1' }, /"source.server"/],
    [{ server: 'https://user@127.0.0.1' }, /"source.server"/],
    [{ server: 'https://127.0.0.1/x' }, /"source.server"/],
    [{ server: 'https://127.0.0.1?x' }, /"source.server"/],
    [{ server: 'unix:///x' }, /"source.server"/],
    [{ server: '' }, /"source.server"/],
    [{ certificate: 'x' }, /"certificate"/],
    [{ name: '' }, /must specify one of alias or fingerprint/],
    [{ protocol: 'simplestreams' }, /"source.protocol" "simplestreams": expected lxd/],
    [{ imageType: 'virtual-machine' }, /"source.image_type"/],
  ] as const) {
    assert.throws(() => downloads.check(source(change)), message)
  }
})

test('those who want the same image at once share one download', async () => {
  let exports = 0
  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => {
    exports++
    setTimeout(() => response.end(image), 100)
  }

  const all = await Promise.all(
    ['a', 'b', 'c'].map((name) => downloads.fetch(wanted({}, { aliases: [{ name, description: '' }] }), {})),
  )

  assert.equal(exports, 1)
  assert.deepEqual([...new Set(all.map((one) => one.fingerprint))], [fingerprint])
  assert.equal(images.aliases.list('default').length, 3)
  assertClean()
})

/** Waits for something that must come to be. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 1000, 'it did not come to be')
    await sleep(10)
  }
}

test('a download goes on while someone waits for it, and ends with the last', async () => {
  const exported = `/1.0/images/${fingerprint}/export`
  let closed = false
  let go = () => {}
  answers[exported] = (_request, response) => {
    response.write(image.subarray(0, 1000))
    response.on('close', () => (closed = true))
    go = () => response.end(image.subarray(1000))
  }
  const [one, two] = [new AbortController(), new AbortController()]
  const lookups = () => asked.filter((path) => path === `/1.0/images/${fingerprint}`).length
  const first = downloads.fetch(wanted(), { signal: one.signal })
  const second = downloads.fetch(wanted(), { signal: two.signal })
  await until(() => asked.includes(exported) && lookups() === 2)
  // Until the second has read what it was told, too.
  await sleep(50)
  one.abort()
  await assert.rejects(first)
  assert.equal(closed, false)
  go()
  assert.equal((await second).fingerprint, fingerprint)
  assert.equal(asked.filter((path) => path === exported).length, 1)
  await images.delete(images.get('default', fingerprint))

  closed = false
  asked = []
  const three = new AbortController()
  const third = downloads.fetch(wanted(), { signal: three.signal })
  await until(() => asked.includes(exported))
  three.abort()
  await assert.rejects(third)
  await until(() => closed)
  await until(() => readdirSync(imagesDirectory()).length === 0)
})

test('one project does not take all there is', async () => {
  const hashes = Array.from({ length: 9 }, (_, index) => `${index}`.repeat(64))
  for (const hash of hashes) {
    answers[`/1.0/images/${hash}`] = json({ ...described, fingerprint: hash })
    answers[`/1.0/images/${hash}/export`] = (_request, response) => response.flushHeaders()
  }
  const stop = new AbortController()
  const going = hashes.slice(0, 8).map((name) => downloads.fetch(wanted({ name }), { signal: stop.signal }))
  for (const one of going) one.catch(() => {})
  await sleep(150)

  await assert.rejects(downloads.fetch(wanted({ name: hashes[8] ?? '' }), {}), /8 downloads are under way/)

  stop.abort()
  await Promise.allSettled(going)
})

test('one project does not keep the server waiting for more than it can', async () => {
  answers['/1.0/images/aliases/one'] = () => {}
  const all = Array.from({ length: 65 }, () => downloads.fetch(wanted(), {}))

  const results = await Promise.allSettled(all)

  const reasons = results.map((result) => (result.status === 'rejected' ? (result.reason as Error).message : ''))
  assert.equal(reasons.filter((reason) => /64 are being fetched/.test(reason)).length, 1)
  delete answers['/1.0/images/aliases/one']
  assert.equal((await downloads.fetch(wanted(), {})).fingerprint, fingerprint, 'and forgets them')
})

test('an alias that is taken is told before the download, and the image is not there then', async () => {
  const rival = tar([file('metadata.yaml', metadata), directory('rootfs')])
  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => response.end(image)
  const hash = createHash('sha256').update(rival).digest('hex')
  answers[`/1.0/images/${hash}`] = json({ ...described, fingerprint: hash, size: rival.length })
  answers[`/1.0/images/${hash}/export`] = (_request, response) => response.end(rival)
  const aliases = [{ name: 'mine', description: '' }]
  await downloads.fetch(wanted({}, { aliases }), {})

  await assert.rejects(downloads.fetch(wanted({ name: hash }, { aliases }), {}), /Alias "mine" already exists/)

  assert.ok(!asked.includes(`/1.0/images/${hash}/export`))
  assert.equal(images.list('default').length, 1)
})

test('what an instance needs is looked for here first, and then is not asked for again', async () => {
  const request = wanted({}, { cached: true })
  assert.equal(downloads.find(request), undefined)
  const first = await downloads.fetch(request, {})
  assert.deepEqual([first.cached, first.autoUpdate], [true, true])
  asked = []

  assert.equal(downloads.find(request)?.fingerprint, fingerprint)
  assert.equal(downloads.find(wanted({ name: fingerprint }))?.fingerprint, fingerprint)
  assert.equal(downloads.find(wanted({ name: 'two' })), undefined)
  assert.equal(downloads.find(wanted({ server: 'https://elsewhere' })), undefined)
  assert.equal(downloads.find(wanted({ certificate: other.certificate })), undefined)
  assert.deepEqual(asked, [])

  const kept = await downloads.fetch(wanted(), {})
  assert.equal(kept.cached, false, 'one that someone asked for by itself is kept')
})

test('a refresh puts the newest image in the place of the old, with its aliases and profiles, in one step', async () => {
  const first = await downloads.fetch(wanted({}, { public: true, aliases: [{ name: 'mine', description: 'd' }] }), {})
  const operations = new Operations({ events: new Events({ log: silentLog }), log: silentLog })
  const settings = { interval: 6, expiry: 10 }
  const projects = () => ['default']
  const refresh = new ImageRefresh({
    images,
    downloads,
    operations,
    log: silentLog,
    projects,
    settings: () => settings,
  })
  assert.equal((await refresh.refresh(first, {})).fingerprint, fingerprint, 'nothing is newer')

  const newer = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/x', 'new')])
  const hash = createHash('sha256').update(newer).digest('hex')
  answers['/1.0/images/aliases/one'] = json({ name: 'one', target: hash })
  answers[`/1.0/images/${hash}`] = json({ ...described, fingerprint: hash, size: newer.length })
  answers[`/1.0/images/${hash}/export`] = (_request, response) => response.end(newer)
  images.use('default', { fingerprint, alias: '', properties: {} })
  await until(() => Date.parse(images.get('default', fingerprint).lastUsedAt) > 0)
  const used = images.get('default', fingerprint).lastUsedAt
  await refresh.doWhatIsDue()
  await Promise.all(operations.list().map(({ done }) => done))

  const [now, ...others] = images.list('default')
  assert.deepEqual([now?.fingerprint, others.length], [hash, 0])
  assert.deepEqual([now?.public, now?.autoUpdate, now?.cached, now?.profiles], [true, true, false, ['default']])
  assert.equal(images.aliases.get('default', 'mine').target, hash)
  assert.equal(now?.lastUsedAt, used, 'a newer image is not used for being newer')
  assertClean()

  answers[`/1.0/images/aliases/one`] = json({ name: 'one', target: fingerprint })
  answers[`/1.0/images/${fingerprint}/export`] = (_request, response) => response.end('other bytes')
  await assert.rejects(refresh.refresh(now ?? first, {}), /fingerprints don't match/)
  assert.equal(images.aliases.get('default', 'mine').target, hash, 'the old one stays where the new one is none')
  assertClean()
})

test('images that were only fetched for an instance go when nobody has used them for long, others stay', async () => {
  const operations = new Operations({ events: new Events({ log: silentLog }), log: silentLog })
  const settings = () => ({ interval: 0, expiry: 10 })
  const refresh = new ImageRefresh({
    images,
    downloads,
    operations,
    log: silentLog,
    projects: () => ['default'],
    settings,
  })
  const day = 86_400_000
  await downloads.fetch(wanted({}, { cached: true }), {})

  await refresh.removeExpired(Date.now() + 9 * day)
  assert.equal(images.list('default').length, 1)
  await refresh.removeExpired(Date.now() + 11 * day)
  assert.equal(images.list('default').length, 0)
  assertClean()

  await downloads.fetch(wanted(), {})
  await refresh.removeExpired(Date.now() + 11 * day)
  assert.equal(images.list('default').length, 1)
})

/** Servers that a web server's headers can lead to are asked with the authorities of this test, at its address. */
function trusting(): void {
  const resolve = async () => ['127.0.0.1']
  const outbound = new Outbound({ allowed: () => [], limits, resolve, authorities: () => [own.certificate] })
  downloads = new Downloads({ images, outbound, log: silentLog, limits: meter })
}

const head =
  (headers: Readonly<Record<string, string>>): Handler =>
  (_request, response) =>
    response.writeHead(200, headers).end()

test('an image is fetched from where a URL says it is, with the hash that it says', async () => {
  trusting()
  answers['/latest'] = (request, response) => {
    assert.equal(request.headers['lxd-server-architectures'], process.arch === 'x64' ? 'x86_64' : 'aarch64')
    head({ 'LXD-Image-Hash': fingerprint, 'LXD-Image-URL': `${url}/files/image.tar?x=1` })(request, response)
  }
  answers['/files/image.tar'] = (request, response) => {
    response.setHeader('content-length', image.length)
    response.end(request.method === 'HEAD' ? '' : image)
  }
  const direct = { protocol: 'direct', certificate: '', name: '/latest?a=b' }

  const got = await downloads.fetch(wanted(direct), {})

  assert.deepEqual([got.fingerprint, got.filename, got.updateSource], [fingerprint, 'image.tar', undefined])
  assert.deepEqual(got.properties, { os: 'busybox' })
  assert.deepEqual(asked, ['/latest?a=b', '/files/image.tar?x=1', '/files/image.tar?x=1'])
})

test('a URL leads nowhere but where whoever named it may have the server connect to', async () => {
  trusting()
  const direct = { protocol: 'direct', certificate: '', name: '/latest' }
  const at = (location: string) => head({ 'LXD-Image-Hash': fingerprint, 'LXD-Image-URL': location })
  for (const [answer, message] of [
    [head({}), /"LXD-Image-Hash"/],
    [head({ 'LXD-Image-Hash': '../x' }), /"LXD-Image-Hash"/],
    [at('http://127.0.0.1/x'), /"LXD-Image-URL"/],
    [at('file:///etc/passwd'), /"LXD-Image-URL"/],
    [at(`${url}/moved`), /status 302/],
    [at(`${url}/unsized`), /does not say how large/],
    [at('https://other.example/x'), /other.example/],
  ] as const) {
    answers = { '/latest': answer, '/moved': (_request, response) => response.writeHead(302).end() }
    answers['/unsized'] = (_request, response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()
    await fails(message, direct)
  }
  await fails(/expected a path/, { ...direct, name: 'latest' })
  await fails(/expected a path/, { ...direct, name: '/a b' })
  asked = []
  await fails(/only administrators/, { ...direct, reach: 'global' })
  assert.deepEqual(asked, [])
})
