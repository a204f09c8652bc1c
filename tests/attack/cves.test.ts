/**
 * Published vulnerabilities of LXD and Incus about who may do what, tried here: one test for each that concerns
 * something there is. Each has a control that shows the attack was one.
 *
 * Others are tried where what they need is there already: CVE-2024-6156 and CVE-2024-6219 (certificate authority) in
 * trust.test.ts, CVE-2025-54288 (who a guest is) in guest-api.test.ts, CVE-2026-28385 (requests to inner servers) and
 * CVE-2026-48769 (names from other servers) in public-images.test.ts, CVE-2026-62313 (insecure defaults) in
 * tests/api/project-restrictions.test.ts, CVE-2026-62941 (merged after the check) in restricted-steps.test.ts,
 * CVE-2026-12411 (a guest that changes its devices) in guest-requests.test.ts: it can't. Those about imports, snapshots,
 * migration and clusters concern nothing there is.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callerNames, Impersonation } from '../api/impersonation.ts'
import type { Caller } from '../api/impersonation.ts'
import { label, projects, Scene } from '../api/scene.ts'

const { shown, hidden, missing } = projects
const restricted: Caller = 'restricted'
const json = { 'content-type': 'application/json' }

let daemon: TestDaemon
let scene: Scene
let api: Impersonation
before(async () => {
  daemon = await TestDaemon.start()
  scene = await Scene.make(daemon)
  api = await Impersonation.start(daemon, silentLog)
})
after(async () => {
  scene[Symbol.dispose]()
  await api[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

interface Answer {
  readonly status: number
  readonly error: string
  // eslint-disable-next-line typescript/no-explicit-any
  readonly metadata: any
  readonly operation: string
}

/** Asks as someone and waits, as an administrator, for what was begun. */
async function ask(as: Caller, request: string, body?: object): Promise<Answer> {
  const [method = '', url = ''] = request.split(' ')
  const sent = { method, url, headers: json, ...(body ? { body: JSON.stringify(body) } : {}) }
  const { status, text } = await api.call(as, sent)
  const { error, metadata, operation } = JSON.parse(text) as Answer
  if (status !== 202 || body === undefined) return { status, error, metadata, operation }
  const over = await daemon.call('GET', `${operation}/wait?timeout=10`)
  const { err, status_code: code } = over.body.metadata
  return { status: code === 200 ? 200 : 400, error: err, metadata, operation }
}

test('CVE-2025-54289: secrets of a command are in the reply to who started it, and nowhere else', async () => {
  const { instance } = scene.of(shown)
  const listening = api.connect('p1 manager', '/1.0/events?project=p1&type=operation,lifecycle')
  const heard: string[] = []
  listening.on('message', (data: Buffer) => heard.push(data.toString()))
  await once(listening, 'open')
  const started = await api.call('p1 operator', {
    method: 'POST',
    url: `/1.0/instances/${instance}/exec?project=p1`,
    headers: json,
    body: JSON.stringify({ command: ['cat'], 'wait-for-websocket': true }),
  })
  const { operation, metadata } = JSON.parse(started.text) as Answer
  const secrets: string[] = Object.values(metadata.metadata.fds)
  assert.equal(secrets.length, 4)
  for (const as of callerNames) {
    for (const url of [
      '/1.0/operations?recursion=1&all-projects=true',
      '/1.0/operations?recursion=2&project=p1',
      operation,
      `${operation}/wait?timeout=0`,
    ]) {
      const { text } = await api.call(as, { method: 'GET', url })
      for (const secret of secrets) assert.ok(!text.includes(secret), `${as} is told in ${url}`)
    }
  }
  // The controls: the operation itself was told of, and a secret opens what it is for, to anyone who has it, once.
  await daemon.ok('GET', '/1.0/operations')
  assert.ok(heard.some((text) => text.includes(operation.slice('/1.0/operations/'.length))))
  for (const secret of secrets) assert.ok(!heard.join('').includes(secret))
  const url = `${operation}/websocket?secret=`
  assert.equal((await api.knock('p1 admin', url)).status, 403)
  assert.equal((await api.knock('admin', `${url}${secrets[0]?.slice(1)}`)).status, 403)
  assert.equal((await api.knock('unnamed', url)).status, 404)
  assert.equal((await api.knock('anonymous', `${url}${secrets[0]}`)).status, 101)
  assert.notEqual((await api.knock('p1 operator', `${url}${secrets[0]}`)).status, 101)
  listening.terminate()
})

test('CVE-2025-54290: nobody can tell a project that is hidden from him from one that is not there', async () => {
  const { fingerprint, alias } = scene.of(hidden)
  for (const path of ['images', `images/${fingerprint}`, `images/${fingerprint}/export`, `images/aliases/${alias}`]) {
    for (const as of ['anonymous', 'unnamed', 'metrics', 'p1 viewer', restricted] as const) {
      const there = await ask(as, `GET /1.0/${path}?project=${hidden}`)
      const nowhere = await ask(as, `GET /1.0/${path}?project=${missing}`)
      const blind = (answer: Answer) => JSON.stringify(answer).replaceAll(hidden, '…').replaceAll(missing, '…')
      assert.equal(blind(there), blind(nowhere), `${as}: ${path}`)
    }
  }
  // Not by public images either: to strangers only those of "default" are.
  await daemon.ok('PATCH', `/1.0/images/${fingerprint}?project=${hidden}`, { body: { public: true } })
  for (const path of ['images', `images/${fingerprint}`, `images/${fingerprint}/export`]) {
    const there = await ask('anonymous', `GET /1.0/${path}?project=${hidden}`)
    assert.deepEqual(there, await ask('anonymous', `GET /1.0/${path}?project=${missing}`), path)
  }
  await daemon.ok('PATCH', `/1.0/images/${fingerprint}?project=${hidden}`, { body: { public: false } })
  // Nor by a project that shares the images of another.
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'sharing', config: { 'features.images': 'false' } } })
  const open = scene.of('default').fingerprint
  await daemon.ok('PATCH', `/1.0/images/${open}`, { body: { public: true } })
  for (const path of ['images', `images/${open}`]) {
    const answers = ['sharing', missing].map((name) => ask('anonymous', `GET /1.0/${path}?project=${name}`))
    const [there, nowhere] = await Promise.all(answers)
    assert.deepEqual(there, nowhere, path)
  }
  assert.equal((await ask('anonymous', `GET /1.0/images/${open}`)).status, 200)
  assert.equal((await ask('admin', `GET /1.0/images/${open}?project=sharing`)).status, 200)
  await daemon.ok('PATCH', `/1.0/images/${open}`, { body: { public: false } })
})

test('CVE-2025-54291: a fingerprint is no pattern', async () => {
  const { fingerprint } = scene.of(shown)
  const patterns = ['%', '_', '%%', '*', '.*', '?', '[0-9a-f]', `${fingerprint.slice(0, 10)}%`, '\0']
  for (const pattern of patterns) {
    for (const as of ['anonymous', restricted, 'admin'] as const) {
      const { status } = await ask(as, `GET /1.0/images/${encodeURIComponent(pattern)}?project=p1`)
      assert.equal(status, 404, `${as}: ${pattern}`)
      const exported = await ask(as, `GET /1.0/images/${encodeURIComponent(pattern)}/export?project=p1`)
      assert.equal(exported.status, 404, `${as}: ${pattern}`)
    }
    const created = await ask('admin', 'POST /1.0/instances?project=p1', {
      name: 'from-pattern',
      source: { type: 'image', fingerprint: pattern },
    })
    assert.ok(created.status >= 400, pattern)
  }
  // The control: the beginning of it is enough for who may see it, and not for strangers.
  assert.equal((await ask(restricted, `GET /1.0/images/${fingerprint.slice(0, 10)}?project=p1`)).status, 200)
  assert.equal((await ask('anonymous', `GET /1.0/images/${fingerprint.slice(0, 10)}?project=p1`)).status, 404)
})

test('CVE-2025-54293: a log file is one of those there are, whatever its name begins with', async () => {
  const { instance, log } = scene.of(shown)
  const secret = join(daemon.directory, 'secret')
  writeFileSync(secret, 'the secret of the host')
  const climbs = ['..', '../..', '../../..', '../../../..']
  const names = climbs.flatMap((climb) => [
    `exec_${climb}/secret`,
    `exec_/${climb}/secret`,
    `${climb}/secret`,
    `lxc.log/${climb}/secret`,
  ])
  for (const name of [...names, `${log}/../../../secret`, `${log}\0`, 'exec_x', '.', '']) {
    for (const method of ['GET', 'DELETE']) {
      const url = `/1.0/instances/${instance}/logs/${encodeURIComponent(name)}?project=p1`
      const { status, text } = await api.call('admin', { method, url })
      if (name !== '') assert.ok(status >= 400, `${method} ${name}: ${status}`)
      assert.ok(!text.includes('the secret of the host'), name)
    }
  }
  // The controls: the file is there, and a log is read and deleted.
  assert.equal(readFileSync(secret, 'utf8'), 'the secret of the host')
  const read = await api.call('p1 viewer', { method: 'GET', url: `/1.0/instances/${instance}/logs/${log}?project=p1` })
  assert.equal(read.text, `printed in ${label(shown)}\n`)
  assert.equal((await ask('p1 operator', `DELETE /1.0/instances/${instance}/logs/${log}?project=p1`)).status, 200)
  await scene.mend({ text: JSON.stringify({ operation: '' }) })
  assert.ok(existsSync(secret))
})

test('CVE-2026-3351: a list without recursion has what one with recursion has, and no more', async () => {
  const kinds = [
    'instances',
    'containers',
    'images',
    'images/aliases',
    'profiles',
    'projects',
    'networks',
    'certificates',
  ]
  const nameOf = (one: Record<string, string>) => one['fingerprint'] ?? one['name']
  for (const kind of [...kinds, 'storage-pools', 'storage-pools/local/volumes']) {
    for (const as of ['anonymous', 'unnamed', restricted, 'p1 viewer', 'viewer', 'admin'] as const) {
      for (const query of ['project=p1', 'all-projects=true', `project=${hidden}`]) {
        const plain = await ask(as, `GET /1.0/${kind}?${query}`)
        const full = await ask(as, `GET /1.0/${kind}?${query}&recursion=1`)
        assert.equal(plain.status, full.status)
        if (plain.status !== 200) continue
        const named = plain.metadata.map((url: string) =>
          decodeURIComponent(url.split('?')[0]?.split('/').at(-1) ?? ''),
        )
        assert.deepEqual(named, full.metadata.map(nameOf), `${as}: ${kind}?${query}`)
      }
    }
  }
  // The control: there is more than that to be seen.
  assert.ok((await ask('admin', 'GET /1.0/projects')).metadata.length > 2)
  assert.deepEqual((await ask(restricted, 'GET /1.0/projects')).metadata, ['/1.0/projects/p1'])
  assert.deepEqual((await ask('unnamed', 'GET /1.0/projects')).metadata, [])
})

test('GHSA-6v6x-387m-rj4w: what a project shares with "default" is changed by who manages "default" only', async () => {
  const shared = { 'features.images': 'false', 'features.profiles': 'false', 'features.storage.volumes': 'false' }
  await using other = await TestDaemon.start()
  using things = await Scene.make(other, { p1: shared })
  await using door = await Impersonation.start(other, silentLog)
  const { fingerprint, alias, profile } = things.of('default')
  const changes: [string, string, object][] = [
    ['POST', '/1.0/profiles', { name: 'mine' }],
    ['PATCH', `/1.0/profiles/${profile}`, { description: 'mine' }],
    ['PUT', `/1.0/profiles/${profile}`, { config: { 'security.privileged': 'true' } }],
    ['POST', `/1.0/profiles/${profile}`, { name: 'mine' }],
    ['DELETE', `/1.0/profiles/${profile}`, {}],
    ['PATCH', `/1.0/images/${fingerprint}`, { public: true }],
    ['PUT', `/1.0/images/${fingerprint}`, { public: true }],
    ['DELETE', `/1.0/images/${fingerprint}`, {}],
    ['POST', '/1.0/images', { source: { type: 'image', mode: 'push', fingerprint: 'a'.repeat(64) } }],
    ['POST', '/1.0/images/aliases', { name: 'mine', target: fingerprint }],
    ['PATCH', `/1.0/images/aliases/${alias}`, { description: 'mine' }],
    ['POST', `/1.0/images/aliases/${alias}`, { name: 'mine' }],
    ['DELETE', `/1.0/images/aliases/${alias}`, {}],
    ['POST', '/1.0/networks', { name: 'mine0' }],
    ['PATCH', '/1.0/networks/br0', { description: 'mine' }],
    ['DELETE', '/1.0/networks/br0', {}],
  ]
  const send = (as: Caller, [method, url, body]: (typeof changes)[number]) =>
    door.call(as, { method, url: `${url}?project=p1`, headers: json, body: JSON.stringify(body) })
  for (const change of changes) {
    for (const as of [restricted, 'p1 manager', 'p1 admin', 'p1 operator', 'p1 viewer', 'viewer'] as const) {
      const { status, text } = await send(as, change)
      assert.equal(status, 403, `${as}: ${change[0]} ${change[1]}: ${text}`)
    }
  }
  // The controls: they may see these through their project, and who manages all projects may change them.
  const seen = await door.call('p1 viewer', { method: 'GET', url: `/1.0/profiles/${profile}?project=p1` })
  assert.equal(seen.status, 200)
  for (const change of changes.slice(0, 2)) assert.ok((await send('manager', change)).status < 300)
})

test('CVE-2026-34179: who may change a project may not make it, or himself, unrestricted', async () => {
  await daemon.ok('PATCH', '/1.0/projects/p1', { body: { config: { restricted: 'true', 'user.a': 'b' } } })
  const { config } = await daemon.ok('GET', '/1.0/projects/p1')
  const changes = [
    { ...config, restricted: 'false' },
    { ...config, restricted: '' },
    { ...config, 'restricted.containers.privilege': 'allow' },
    { ...config, 'restricted.devices.disk': 'allow' },
    { ...config, 'limits.instances': '1000' },
    {},
  ]
  for (const as of ['p1 admin', 'p1 manager', restricted] as const) {
    for (const change of changes) {
      for (const method of ['PUT', 'PATCH']) {
        if (method === 'PATCH' && Object.keys(change).length === 0) continue
        const { status } = await ask(as, `${method} /1.0/projects/p1`, { config: change, description: 'x' })
        assert.equal(status, 403, `${as}: ${method} ${JSON.stringify(change)}`)
      }
    }
  }
  assert.deepEqual((await daemon.ok('GET', '/1.0/projects/p1')).config, config)
  // The control: what it is called may be changed.
  assert.equal((await ask('p1 admin', 'PATCH /1.0/projects/p1', { description: 'ours' })).status, 200)
  assert.equal((await ask('p1 manager', 'PATCH /1.0/projects/p1', { description: 'ours' })).status, 403)
  await daemon.ok('PATCH', '/1.0/projects/p1', { body: { config: { restricted: 'false' } } })
})

test('CVE-2026-34177: no key of the runtime itself is left out of what is forbidden', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'free' } })
  const keys = Object.keys(instanceKeys).filter((key) => key.startsWith('raw.'))
  assert.ok(keys.length > 0)
  const values: Readonly<Record<string, string>> = { 'raw.idmap': 'both 0 0', 'raw.lxc': 'lxc.mount.auto=proc' }
  const root = { type: 'disk', path: '/', pool: 'local' }
  await daemon.ok('PATCH', '/1.0/projects/p1', { body: { config: { restricted: 'true' } } })
  try {
    for (const key of [...keys, 'raw.apparmor', 'raw.qemu', 'raw.qemu.conf', 'raw.unheard-of', 'unheard.of']) {
      const config = { [key]: values[key] ?? '2\ndenylist\n' }
      const instance = { name: 'made', source: { type: 'none' }, config, devices: { root } }
      const { stopped, profile } = scene.of(shown)
      for (const [request, body] of [
        ['POST /1.0/instances?project=p1', instance],
        [`PATCH /1.0/instances/${stopped}?project=p1`, { config }],
        [`PUT /1.0/instances/${stopped}?project=p1`, { config, devices: { root } }],
        [`PATCH /1.0/profiles/${profile}?project=p1`, { config }],
        ['POST /1.0/profiles?project=p1', { name: 'made', config }],
      ] as const) {
        const { status } = await ask('p1 manager', request, body)
        assert.ok(status >= 400, `${request} with ${key}: ${status}`)
      }
      // The control: where nothing is restricted, what there is can be set.
      if (!keys.includes(key)) continue
      const free = await ask('admin', 'POST /1.0/profiles?project=free', { name: key, config })
      assert.equal(free.status, 201, `${key}: ${free.error}`)
    }
  } finally {
    await daemon.ok('PATCH', '/1.0/projects/p1', { body: { config: { restricted: 'false' } } })
  }
})

test('CVE-2026-55621, CVE-2026-55622: nothing is copied out of a project by who may not view it', async () => {
  const { instance, fingerprint } = scene.of(hidden)
  const sources = [
    { type: 'copy', source: instance, project: hidden },
    { type: 'copy', source: `${instance}/snap0`, project: hidden, instance_only: true },
    { type: 'image', fingerprint, project: hidden },
    { type: 'migration', mode: 'pull', operation: `/1.0/operations/${scene.of(hidden).operation}` },
  ]
  const names = async () => (await daemon.ok('GET', '/1.0/instances?project=p1')).length
  const before = await names()
  for (const source of sources) {
    for (const as of [restricted, 'p1 admin'] as const) {
      const { status, error } = await ask(as, 'POST /1.0/instances?project=p1', { name: 'copied', source })
      assert.ok(status >= 400, JSON.stringify(source))
      assert.doesNotMatch(error, /canary/)
    }
  }
  const images = { source: { type: 'image', mode: 'pull', fingerprint, project: hidden } }
  assert.ok((await ask(restricted, 'POST /1.0/images?project=p1', images)).status >= 400)
  assert.equal(await names(), before)
  assert.equal((await ask(restricted, `GET /1.0/images/${fingerprint}?project=p1`)).status, 404)
  // The control: of its own project it takes the same.
  const own = { type: 'image', fingerprint: scene.of(shown).fingerprint }
  assert.equal((await ask(restricted, 'POST /1.0/instances?project=p1', { name: 'copied', source: own })).status, 200)
})
