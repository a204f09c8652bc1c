import { fakeIdentity } from '#auth/fake-identity.ts'
import { stranger } from '#auth/identity.ts'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { mkdirSync } from 'node:fs'
import { request } from 'node:http'
import type { ClientRequest, IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { routes } from '#api/all.ts'
import { noBrowsers } from '#api/browsers.ts'
import { listenUnix } from '#api/listen-unix.ts'
import { makeRouter } from '#api/router.ts'
import type { RouterOptions } from '#api/router.ts'
import type { Services } from '#api/services.ts'
import { Connections } from '#auth/connections.ts'
import { silentAudit } from '#audit/silent-audit.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { run } from '#host/run.ts'
import { Images } from '#images/images.ts'
import { Operations } from '#operations/operations.ts'
import { defaultProfileOf } from '#profiles/default-profile.ts'
import { Profiles } from '#profiles/profiles.ts'
import { fakePolicy } from '#projects/policy/fake-policy.ts'
import { Projects } from '#projects/projects.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'
import { directory, file, symlink, tar } from '../tar.ts'

const requestor = { username: 'root', protocol: 'unix', address: '@' }

/** The API over images, on two sockets: one whose clients are trusted, one whose aren't. */
interface Daemon extends AsyncDisposable {
  readonly root: string
  readonly store: Store
  readonly projects: Projects
  readonly profiles: Profiles
  readonly images: Images
  readonly events: Event[]
  readonly unused: string[]
}

async function start(root: string): Promise<Daemon> {
  mkdirSync(join(root, 'images'), { recursive: true })
  const store = openSqliteStore(join(root, 'lxd.db'))
  const events = new Events({ log: silentLog })
  const seen: Event[] = []
  events.subscribe((event) => seen.push(event))
  const operations = new Operations({ events, log: silentLog })
  const policy = fakePolicy(store)
  const projects = new Projects({ store, events, policy, belongings: defaultProfileOf(store) })
  await projects.start()
  const common = { store, events, log: silentLog, policy, projects }
  const profiles = new Profiles({ ...common, instanceKeys: {}, checkDevices: () => {} })
  const unused: string[] = []
  const onUnused = async (fingerprint: string) => void unused.push(fingerprint)
  const images = new Images({ ...common, run, profiles, directory: join(root, 'images'), onUnused })
  await images.start()
  const services = { images, operations, events, projects, profiles } as unknown as Services
  const servers = await Promise.all([true, false].map((trusted) => listen({ root, services, trusted })))
  return {
    root,
    store,
    projects,
    profiles,
    images,
    events: seen,
    unused,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
      await store[Symbol.asyncDispose]()
    },
  }
}

async function listen(options: { root: string; services: Services; trusted: boolean }): Promise<AsyncDisposable> {
  const { root, services, trusted } = options
  const routerOptions: RouterOptions = {
    routes,
    services,
    log: silentLog,
    ready: () => true,
    audit: silentAudit,
    identify: async () => (trusted ? { ...fakeIdentity([{ role: 'admin' }]), requestor } : stranger('@')),
    projects: services.projects,
  }
  const app = makeRouter(routerOptions)
  await app.ready()
  const path = join(root, trusted ? 'trusted' : 'untrusted')
  const api = { app, options: routerOptions, connections: new Connections(), browsers: () => noBrowsers }
  return await listenUnix(api, { door: 'unix', path, gid: process.getgid?.() ?? 0, mode: 0o600 })
}

const root = mkdtempSync(join(tmpdir(), 'lxd-images-api-'))
let daemon = await start(root)
after(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(root, { recursive: true })
})

/** An empty daemon for each test. */
beforeEach(async () => {
  await daemon[Symbol.asyncDispose]()
  rmSync(root, { recursive: true })
  daemon = await start(root)
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  // Replies are looked at field by field; what is asserted is what matters.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
}

interface Sent {
  readonly body?: Buffer | string | object
  readonly headers?: Readonly<Record<string, string>>
  readonly socket?: 'trusted' | 'untrusted'
}

function open(method: string, path: string, { headers = {}, socket = 'trusted' }: Sent = {}): ClientRequest {
  return request({ method, path, socketPath: join(root, socket), headers, agent: false })
}

async function call(method: string, path: string, sent: Sent = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const ask = open(method, path, sent)
  ask.on('error', reject)
  ask.on('response', (response) => {
    void response.toArray().then((chunks) => {
      const body = Buffer.concat(chunks as Buffer[])
      const isJson = response.headers['content-type'] === 'application/json'
      const json = isJson ? (JSON.parse(body.toString()) as unknown) : undefined
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, json })
    }, reject)
  })
  const { body } = sent
  ask.end(typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : body)
  return await promise
}

/** Waits for the operation that a reply is about. */
async function wait(answer: Answer): Promise<Answer['json']> {
  assert.equal(answer.status, 202, answer.body.toString())
  return (await call('GET', `${answer.json.operation}/wait?timeout=20`)).json.metadata
}

const metadata = `architecture: x86_64
creation_date: 1700000000
expiry_date: 1900000000
properties: { os: busybox, description: Busybox test }
`
const unified = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/x', 'x'.repeat(300_000))])
const fingerprint = sha256(unified)

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function upload(bytes = unified, headers: Record<string, string> = {}, query = ''): Promise<Answer['json']> {
  const all = { 'content-type': 'application/octet-stream', 'x-lxd-filename': 'image.tar', ...headers }
  return await wait(await call('POST', `/1.0/images${query}`, { body: bytes, headers: all }))
}

function form(parts: readonly (readonly [name: string, filename: string, bytes: Buffer])[]) {
  const boundary = randomBytes(30).toString('hex')
  const chunks = parts.flatMap(([name, filename, bytes]) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    bytes,
    Buffer.from('\r\n'),
  ])
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)])
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}

function files(): string[] {
  return readdirSync(join(root, 'images')).sort()
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await sleep(10)) assert.ok(Date.now() < end, what)
}

test('an image sent as it is is there, byte for byte, with what its metadata says', async () => {
  const { status_code: code, metadata: told } = await upload(unified, {
    'x-lxd-properties': 'foo=bar&os=other%20os',
    'x-lxd-public': 'true',
  })

  assert.equal(code, 200)
  assert.deepEqual(told, { fingerprint, size: String(unified.length) })
  assert.deepEqual(files(), [fingerprint])
  assert.deepEqual(readFileSync(join(root, 'images', fingerprint)), unified)
  assert.equal(statSync(join(root, 'images', fingerprint)).mode & 0o777, 0o600)
  const { json } = await call('GET', '/1.0/images?recursion=1')
  const [image] = json.metadata
  assert.ok(Date.parse(image.uploaded_at) > Date.now() - 60_000)
  assert.equal(
    JSON.stringify({ ...image, uploaded_at: '' }),
    JSON.stringify({
      auto_update: false,
      properties: { description: 'Busybox test', foo: 'bar', os: 'other os' },
      public: true,
      expires_at: '2030-03-17T17:46:40Z',
      profiles: ['default'],
      aliases: [],
      architecture: 'x86_64',
      cached: false,
      filename: 'image.tar',
      fingerprint,
      size: unified.length,
      type: 'container',
      created_at: '2023-11-14T22:13:20Z',
      last_used_at: '0001-01-01T00:00:00Z',
      uploaded_at: '',
    }),
  )
  assert.deepEqual((await call('GET', '/1.0/images')).json.metadata, [`/1.0/images/${fingerprint}`])
  const actions = daemon.events.filter(({ type }) => type === 'lifecycle').map((event) => event.metadata)
  assert.deepEqual(actions, [
    { action: 'image-created', source: `/1.0/images/${fingerprint}`, context: { type: 'container' }, requestor },
  ])
})

const own = tar([file('metadata.yaml', metadata)])
const rootfs = tar([directory('./'), file('./x', 'y'.repeat(500_000))])
const splitFingerprint = sha256(Buffer.concat([own, rootfs]))

test('an image sent as a form of two files is found under the hash of both, and comes back as a form', async () => {
  const told = await wait(
    await call('POST', '/1.0/images', form([['metadata', 'm.tar', own], ['rootfs', '/home/me/r.tar', rootfs]])), // prettier-ignore
  )

  assert.equal(told.err, '')
  assert.equal(told.metadata.fingerprint, splitFingerprint)
  assert.deepEqual(files(), [splitFingerprint, `${splitFingerprint}.rootfs`])
  assert.deepEqual(readFileSync(join(root, 'images', `${splitFingerprint}.rootfs`)), rootfs)
  const image = (await call('GET', `/1.0/images/${splitFingerprint}`)).json.metadata
  assert.deepEqual([image.filename, image.size], ['r.tar', own.length + rootfs.length])

  const { headers, body } = await call('GET', `/1.0/images/${splitFingerprint}/export`)
  const boundary = /^multipart\/form-data; boundary=(\w{60})$/.exec(headers['content-type'] ?? '')?.[1] ?? ''
  const head = (name: string, filename: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n'
  const expected = Buffer.concat([
    Buffer.from(head('metadata', `meta-${splitFingerprint}.tar`)),
    own,
    Buffer.from(`\r\n${head('rootfs', `${splitFingerprint}.tar`)}`),
    rootfs,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  assert.ok(body.equals(expected))
})

test('a unified image comes back as it was sent', async () => {
  await upload()

  const { status, headers, body } = await call('GET', `/1.0/images/${fingerprint.slice(0, 12)}/export`)

  assert.equal(status, 200)
  assert.ok(body.equals(unified))
  assert.equal(headers['content-type'], 'application/octet-stream')
  assert.equal(headers['content-length'], String(unified.length))
  assert.equal(headers['content-disposition'], `inline;filename=${fingerprint}.tar`)
})

const refusedForms: readonly (readonly [what: string, parts: Parameters<typeof form>[0], message: RegExp])[] = [
  ['the wrong order', [['rootfs', 'r', rootfs], ['metadata', 'm', own]], /expected the part "metadata", found "rootfs"/], // prettier-ignore
  ['only one part', [['metadata', 'm', own]], /expected the parts "metadata" and "rootfs"/],
  ['no part', [], /expected the parts|Cannot read the form/],
  [
    'another part',
    [
      ['metadata', 'm', own],
      ['foo', 'r', rootfs],
    ],
    /expected the part "rootfs", found "foo"/,
  ],
  [
    'the same part twice',
    [
      ['metadata', 'm', own],
      ['metadata', 'm', own],
    ],
    /expected the part "rootfs"/,
  ],
  [
    'an empty part',
    [
      ['metadata', 'm', own],
      ['rootfs', 'r', Buffer.alloc(0)],
    ],
    /it is empty/,
  ],
  [
    'a virtual machine',
    [
      ['metadata', 'm', own],
      ['rootfs.img', 'r', rootfs],
    ],
    /virtual machines are not supported/,
  ],
]

for (const [what, parts, message] of refusedForms) {
  test(`a form with ${what} is refused and nothing is left`, async () => {
    const { status, json } = await call('POST', '/1.0/images', form(parts))

    assert.ok(status === 400 || status === 501, String(status))
    assert.match(json.error, message)
    assert.deepEqual(files(), [])
  })
}

test('a form that ends in the middle is refused and nothing is left', async () => {
  const { body, headers } = form([
    ['metadata', 'm', own],
    ['rootfs', 'r', rootfs],
  ])

  const { status } = await call('POST', '/1.0/images', { body: body.subarray(0, body.length - 1000), headers })

  assert.equal(status, 400)
  assert.deepEqual(files(), [])
})

const refusedUploads: readonly (readonly [what: string, bytes: Buffer, headers: Record<string, string>, RegExp])[] = [
  ['of noise', Buffer.from('noise'), {}, /Unsupported compression/],
  ['with a wrong hash', unified, { 'x-lxd-fingerprint': 'abc' }, /fingerprints don't match, got .* expected abc/],
  ['with an unknown profile', unified, { 'x-lxd-profiles': 'profile=nope' }, /Profile 'nope' doesn't exist/],
  ['that leads out', tar([file('metadata.yaml', metadata), symlink('rootfs', '/')]), {}, /"rootfs": it must be a dir/],
  [
    'without date',
    tar([file('metadata.yaml', 'architecture: i686'), directory('rootfs')]),
    {},
    /Missing creation date/,
  ],
]

for (const [what, bytes, headers, message] of refusedUploads) {
  test(`an image ${what} is refused and nothing is left`, async () => {
    const { err, status_code: code } = await upload(bytes, headers)

    assert.equal(code, 400)
    assert.match(err, message)
    assert.deepEqual(files(), [])
    assert.deepEqual((await call('GET', '/1.0/images')).json.metadata, [])
  })
}

test('headers and sources that make no sense are refused', async () => {
  const post = (headers: Record<string, string>, body: object | string) =>
    call('POST', '/1.0/images', { headers, body })
  const json = { 'content-type': 'application/json' }

  assert.match((await post({ 'x-lxd-public': 'maybe' }, 'x')).json.error, /Invalid header "x-lxd-public".*"maybe"/)
  const form = await post({ 'content-type': 'multipart/form-data' }, 'x')
  assert.match(form.json.error, /Invalid header "content-type": expected a form with a boundary/)
  assert.equal((await post(json, {})).status, 400)
  assert.equal((await post(json, { source: { type: 'foo' } })).status, 400)
  const plain = await post(json, { source: { type: 'url', url: 'http://127.0.0.1' } })
  assert.match(plain.json.error, /Invalid "source.url" "http:\/\/127.0.0.1": expected an https URL/)
  assert.equal((await post(json, { source: { type: 'instance', name: 'c1' } })).status, 501)
  assert.equal((await post({}, '')).status, 400)
  assert.deepEqual(files(), [])
})

test('the same image again is refused', async () => {
  await upload()

  assert.equal((await upload()).err, 'Image with same fingerprint already exists')
  assert.deepEqual(files(), [fingerprint])
})

test('of two that import the same image at once one succeeds', async () => {
  const outcomes = await Promise.all([upload(), upload(), upload()])

  assert.deepEqual(
    outcomes.map(({ status }) => status).toSorted((a, b) => a.localeCompare(b)),
    ['Failure', 'Failure', 'Success'],
  )
  assert.deepEqual(files(), [fingerprint])
})

for (const kind of ['file', 'form'] as const) {
  test(`a client that goes away while it sends a ${kind} leaves nothing`, async () => {
    const { body, headers } = form([['metadata', 'm', own]])
    const ask = open('POST', '/1.0/images', kind === 'form' ? { headers } : {})
    ask.on('error', () => {})
    ask.write(kind === 'form' ? body.subarray(0, 3000) : unified.subarray(0, 3000))
    await eventually('the upload begins', () => files().some((name) => statSync(join(root, 'images', name)).size > 0))

    ask.destroy()

    await eventually('the upload goes', () => files().length === 0)
  })
}

test('images are found by the start of their fingerprint, if it is the start of one only', async () => {
  await upload()
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      upload(tar([file('metadata.yaml', metadata), directory('rootfs'), file(`rootfs/${index}`)])),
    ),
  )
  const all: string[] = others.map((other) => other.metadata.fingerprint)
  const twice = all.map(([first]) => first!).find((first, index, list) => list.indexOf(first) !== index)!

  assert.equal((await call('GET', `/1.0/images/${fingerprint.slice(0, 20)}`)).json.metadata.fingerprint, fingerprint)
  assert.equal((await call('GET', `/1.0/images/${twice}`)).json.error, 'More than one image matches')
  for (const wrong of ['zzz', '%25', '_', `${fingerprint}0`, '%2e%2e', 'F'.repeat(64)]) {
    const { status, json } = await call('GET', `/1.0/images/${wrong}`)
    assert.deepEqual([status, json.error], [404, 'Image not found'], wrong)
  }
})

test('an image can be changed as a whole and in parts', async () => {
  await upload()
  const url = `/1.0/images/${fingerprint}`
  const get = async () => (await call('GET', url)).json.metadata

  await call('PUT', url, { body: { public: true, properties: { a: 'b' }, profiles: [], auto_update: true } })
  const put = await get()
  assert.deepEqual(
    [put.public, put.properties, put.profiles, put.auto_update, put.expires_at],
    [true, { a: 'b' }, [], true, '2030-03-17T17:46:40Z'],
  )

  await call('PATCH', url, { body: { properties: { c: 'd', e: '' }, expires_at: '2031-01-01T00:00:00+02:00' } })
  const patched = await get()
  assert.deepEqual(
    [patched.public, patched.properties, patched.profiles, patched.expires_at],
    [true, { a: 'b', c: 'd' }, [], '2031-01-01T00:00:00+02:00'],
  )

  await call('PUT', url, { body: {} })
  const emptied = await get()
  assert.deepEqual(
    [emptied.public, emptied.properties, emptied.profiles, emptied.expires_at],
    [false, {}, ['default'], '2031-01-01T00:00:00+02:00'],
  )
})

test('a change that can not be is refused and changes nothing', async () => {
  await upload()
  const url = `/1.0/images/${fingerprint}`
  const before = (await call('GET', url)).body

  for (const [body, message] of [
    [{ profiles: ['nope'] }, /Profile 'nope' doesn't exist/],
    [{ properties: { a: 1 } }, /"properties.a" must be a string/],
    [{ properties: { 'a\nb': 'c' } }, /Invalid image property/],
    [{ expires_at: 'soon' }, /"expires_at" must be a time/],
    [{ public: 'yes' }, /"public" must be a boolean/],
  ] as const) {
    for (const method of ['PUT', 'PATCH']) {
      const { status, json } = await call(method, url, { body })
      assert.equal(status, 400)
      assert.match(json.error, message)
    }
  }
  const stale = await call('PUT', url, { body: {}, headers: { 'if-match': '"0"' } })
  assert.equal(stale.status, 412)
  assert.deepEqual((await call('GET', url)).body, before)
})

test('a profile that is gone is gone from the image, and keeps nobody from changing it', async () => {
  await daemon.profiles.create('default', { name: 'p', description: '', config: {}, devices: {} })
  await upload(unified, { 'x-lxd-profiles': 'profile=default&profile=p' })
  const url = `/1.0/images/${fingerprint}`
  assert.deepEqual((await call('GET', url)).json.metadata.profiles, ['default', 'p'])

  await daemon.profiles.delete('default', 'p')

  assert.deepEqual((await call('GET', url)).json.metadata.profiles, ['default'])
  assert.equal((await call('PATCH', url, { body: { public: true } })).status, 200)
})

for (const kind of ['unified', 'split'] as const) {
  test(`the files of a ${kind} image are not kept open by a client that goes away`, async () => {
    const parts = [['metadata', 'm.tar', own], ['rootfs', 'r.tar', rootfs]] as const // prettier-ignore
    if (kind === 'unified') await upload()
    else await wait(await call('POST', '/1.0/images', form(parts)))
    const held = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        const path = join('/proc/self/fd', fd)
        return existsSync(path) && readlinkSync(path).startsWith(join(root, 'images'))
      }).length

    const ask = open('GET', `/1.0/images/${kind === 'unified' ? fingerprint : splitFingerprint}/export`)
    ask.on('error', () => {})
    ask.on('response', (response) => {
      response.on('error', () => {})
      ask.destroy()
    })
    ask.end()
    await once(ask, 'close')

    await eventually('the files are closed', () => held() === 0)
  })
}

test('the ETag of an image lets a change through once', async () => {
  await upload()
  const url = `/1.0/images/${fingerprint}`
  const headers = { 'if-match': String((await call('GET', url)).headers.etag) }

  assert.equal((await call('PUT', url, { body: { public: true }, headers })).status, 200)
  assert.equal((await call('PUT', url, { body: { public: true }, headers })).status, 412)
})

test('aliases come and go, are renamed and pointed elsewhere', async () => {
  await upload()
  const aliases = '/1.0/images/aliases'
  const post = (body: object) => call('POST', aliases, { body })

  const made = await post({ name: 'a/b', target: fingerprint, description: 'An alias', type: '' })
  assert.deepEqual([made.status, made.headers.location], [201, `${aliases}/a%2Fb`])
  assert.equal(made.json.metadata, null)
  const entry = { description: 'An alias', target: fingerprint, name: 'a/b', type: 'container' }
  assert.equal(JSON.stringify((await call('GET', `${aliases}?recursion=1`)).json.metadata), JSON.stringify([entry]))
  assert.deepEqual((await call('GET', aliases)).json.metadata, [`${aliases}/a%2Fb`])
  assert.deepEqual((await call('GET', `${aliases}/a%2Fb`)).json.metadata, entry)
  assert.deepEqual((await call('GET', `/1.0/images/${fingerprint}`)).json.metadata.aliases, [
    { name: 'a/b', description: 'An alias' },
  ])

  assert.deepEqual([(await post({ name: 'a/b', target: fingerprint })).status], [409])
  assert.equal((await post({ name: 'a/b', target: fingerprint })).json.error, 'Alias "a/b" already exists')
  assert.equal((await post({ name: '', target: fingerprint })).json.error, 'name and target are required')
  assert.equal((await post({ name: 'c' })).json.error, 'name and target are required')
  assert.equal((await post({ name: 'c', target: 'abc' })).json.error, 'Image not found')
  assert.equal((await post({ name: 'c\n', target: fingerprint })).status, 400)

  await post({ name: 'c', target: fingerprint })
  assert.equal((await call('POST', `${aliases}/c`, { body: { name: 'a/b' } })).status, 409)
  assert.equal((await call('POST', `${aliases}/c`, { body: { name: 'd' } })).headers.location, `${aliases}/d`)
  assert.equal((await call('GET', `${aliases}/c`)).json.error, 'Image alias not found')
  assert.equal((await call('PUT', `${aliases}/d`, { body: { description: 'x' } })).json.error, 'The target field is required') // prettier-ignore
  assert.equal((await call('PATCH', `${aliases}/d`, { body: { description: 'x' } })).status, 200)
  assert.equal((await call('GET', `${aliases}/d`)).json.metadata.description, 'x')
  assert.equal((await call('PUT', `${aliases}/d`, { body: { target: 'nope' } })).status, 404)
  assert.equal((await call('DELETE', `${aliases}/d`)).status, 200)
  assert.equal((await call('DELETE', `${aliases}/d`)).status, 404)
})

test('deleting an image takes its files and aliases', async () => {
  await upload()
  await call('POST', '/1.0/images/aliases', { body: { name: 'a', target: fingerprint } })

  const told = await wait(await call('DELETE', `/1.0/images/${fingerprint}`))

  assert.deepEqual([told.description, told.resources], ['Deleting image', { images: [`/1.0/images/${fingerprint}`] }])
  assert.deepEqual(files(), [])
  assert.deepEqual((await call('GET', '/1.0/images')).json.metadata, [])
  assert.deepEqual((await call('GET', '/1.0/images/aliases')).json.metadata, [])
  assert.deepEqual(daemon.unused, [fingerprint])
  assert.equal((await call('DELETE', `/1.0/images/${fingerprint}`)).json.error, 'Image not found')
})

test('projects share the file of an image, and those without images use those of the default project', async () => {
  await daemon.projects.create('own', { description: '', config: { 'features.profiles': 'false' } })
  await daemon.projects.create('none', {
    description: '',
    config: { 'features.images': 'false', 'features.profiles': 'false' },
  })
  await upload()

  assert.deepEqual((await call('GET', '/1.0/images?project=own')).json.metadata, [])
  assert.deepEqual((await call('GET', '/1.0/images?project=none')).json.metadata, [`/1.0/images/${fingerprint}`])
  assert.equal((await upload(unified, {}, '?project=none')).err, 'Image with same fingerprint already exists')
  assert.equal((await upload(unified, {}, '?project=own')).err, '')
  await call('PATCH', `/1.0/images/${fingerprint}?project=own`, { body: { public: true } })
  assert.equal((await call('GET', `/1.0/images/${fingerprint}`)).json.metadata.public, false)
  assert.deepEqual(files(), [fingerprint])

  await wait(await call('DELETE', `/1.0/images/${fingerprint}`))
  assert.deepEqual(files(), [fingerprint])
  assert.deepEqual(daemon.unused, [])
  await wait(await call('DELETE', `/1.0/images/${fingerprint}?project=own`))
  assert.deepEqual(files(), [])
})

test('a client that is not trusted sees public images, and of the others not even that they are there', async () => {
  const stranger = async (method: string, path: string) =>
    await call(method, path, { socket: 'untrusted', ...(method.startsWith('P') ? { body: '{}' } : {}) })
  await upload()
  await call('POST', '/1.0/images/aliases', { body: { name: 'a', target: fingerprint } })
  const url = `/1.0/images/${fingerprint}`
  const hidden = [404, 'Image not found']

  for (const path of [url, `${url}/export`, `${url}?secret=x`]) {
    const { status, json } = await stranger('GET', path)
    assert.deepEqual([status, json.error], hidden)
  }
  assert.equal((await stranger('GET', `/1.0/images/${fingerprint.slice(0, 5)}`)).status, 404)
  assert.deepEqual((await stranger('GET', '/1.0/images')).json.metadata, [])
  assert.equal((await stranger('GET', '/1.0/images/aliases/a')).json.error, 'Image alias not found')
  assert.deepEqual((await stranger('GET', '/1.0/images/aliases')).json.metadata, [])

  await call('PATCH', url, { body: { public: true } })
  assert.equal((await stranger('GET', `/1.0/images/${fingerprint.slice(0, 5)}`)).status, 200)
  assert.equal((await stranger('GET', `${url}/export`)).body.length, unified.length)
  assert.deepEqual((await stranger('GET', '/1.0/images')).json.metadata, [url])
  assert.equal((await stranger('GET', '/1.0/images/aliases/a')).json.metadata.target, fingerprint)
  assert.deepEqual((await stranger('GET', '/1.0/images/aliases')).json.metadata, ['/1.0/images/aliases/a'])

  for (const [method, path] of [
    ['POST', '/1.0/images'],
    ['PUT', url],
    ['PATCH', url],
    ['DELETE', url],
    ['POST', `${url}/secret`],
    ['POST', '/1.0/images/aliases'],
    ['DELETE', '/1.0/images/aliases/a'],
  ] as const) {
    const { status, json } = await stranger(method, path)
    assert.deepEqual([status, json.error], [403, 'not authorized'], `${method} ${path}`)
  }
})

test('a secret opens one private image, for a while after its first use', async () => {
  await upload()
  const url = `/1.0/images/${fingerprint}`
  const stranger = async (path: string) => (await call('GET', path, { socket: 'untrusted' })).status

  const made = await call('POST', `${url}/secret`)

  const { metadata: operation } = made.json
  assert.deepEqual([operation.class, operation.description], ['token', 'Image download token'])
  const { secret } = operation.metadata
  assert.match(secret, /^[0-9a-f]{64}$/)
  const all = JSON.stringify((await call('GET', '/1.0/operations?recursion=1')).json)
  assert.ok(all.includes(operation.id) && !all.includes(secret), 'nobody else is told')
  assert.equal(await stranger(`${url}?secret=${secret.slice(1)}0`), 404)
  assert.equal(await stranger(`${url}?secret=${secret}`), 200)
  const twice = [stranger(`${url}/export?secret=${secret}`), stranger(`${url}/export?secret=${secret}`)]
  assert.deepEqual(new Set(await Promise.all(twice)), new Set([200, 404]), 'its files once')
  assert.equal(await stranger(`${url}?secret=${secret}`), 404)

  const looked = (await call('POST', `${url}/secret`)).json.metadata.metadata.secret
  assert.equal(await stranger(`${url}?secret=${looked}`), 200)
  await sleep(5200)
  assert.equal(await stranger(`${url}/export?secret=${looked}`), 404)
})

test('a secret that is cancelled opens nothing', async () => {
  await upload()
  const url = `/1.0/images/${fingerprint}`
  const { operation, metadata: made } = (await call('POST', `${url}/secret`)).json

  await call('DELETE', operation)
  await call('GET', `${operation}/wait?timeout=5`)

  const { status } = await call('GET', `${url}?secret=${made.metadata.secret}`, { socket: 'untrusted' })
  assert.equal(status, 404)
})

test('the list can be filtered', async () => {
  await upload()
  const list = async (filter: string) => (await call('GET', `/1.0/images?filter=${encodeURIComponent(filter)}`)).json

  assert.equal((await list('')).metadata.length, 1)
  assert.equal((await list('properties.os eq busybox and public eq false')).metadata.length, 1)
  assert.equal((await list('properties.os eq debian')).metadata.length, 0)
  assert.equal((await list('os=busybox')).error, 'Invalid filter: clause has no operator')
})

test('the next start removes what a crash left, and keeps what is whole', async () => {
  await upload()
  const images = join(root, 'images')
  for (const name of ['upload-1', 'upload-1.rootfs', 'f'.repeat(64), `${'e'.repeat(64)}.rootfs`]) {
    writeFileSync(join(images, name), 'x')
  }

  await daemon[Symbol.asyncDispose]()
  daemon = await start(root)

  assert.deepEqual(files(), [fingerprint])
  assert.deepEqual((await call('GET', '/1.0/images')).json.metadata, [`/1.0/images/${fingerprint}`])
})

test('an image whose file was changed is not unpacked', async () => {
  await upload()
  const image = daemon.images.get('default', fingerprint)
  const target = mkdtempSync(join(root, 'unpacked-'))
  await daemon.images.tree(image).unpack(target, {})
  assert.ok(existsSync(join(target, 'rootfs/x')))

  writeFileSync(join(root, 'images', fingerprint), Buffer.concat([unified, Buffer.alloc(512)]))

  const empty = mkdtempSync(join(root, 'unpacked-'))
  await assert.rejects(daemon.images.tree(image).unpack(empty, {}), /its file has other bytes than were imported/)
  assert.deepEqual(readdirSync(empty), [])
})

test('an instance finds its image by alias, fingerprint or properties, and leaves a note that it did', async () => {
  await upload()
  await call('POST', '/1.0/images/aliases', { body: { name: 'a', target: fingerprint } })
  const use = (query: object) =>
    daemon.images.use('default', { alias: '', fingerprint: '', properties: {}, ...query }).fingerprint

  assert.equal(use({ alias: 'a' }), fingerprint)
  assert.equal(use({ fingerprint: fingerprint.slice(0, 8) }), fingerprint)
  assert.equal(use({ properties: { os: 'busybox' } }), fingerprint)
  assert.throws(() => use({ alias: 'b' }), /Image alias not found/)
  assert.throws(() => use({ properties: { os: 'debian' } }), /No matching image could be found/)
  assert.throws(() => use({}), /Must specify one of alias, fingerprint or properties for init from image/)

  await sleep(100)
  const { last_used_at: used } = (await call('GET', `/1.0/images/${fingerprint}`)).json.metadata
  assert.ok(Date.parse(used) > Date.now() - 60_000)
})
