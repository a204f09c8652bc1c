import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { routes } from '#api/all.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { projectKeys } from '#projects/project-keys.ts'
import { projectRecords } from '#store/project-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Json } from './call.ts'
import type { TestDaemon } from './daemon.ts'
import { fingerprint, image, makeProject, startDaemonWithThings } from './project-policy.ts'

// Every restriction against every way to write: each attempt is refused and changes nothing, and the same attempt goes
// well in a project that is not restricted.

/** What an instance or a profile says. */
interface Part {
  readonly config?: Readonly<Record<string, string>>
  readonly devices?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** A restriction, and something that it forbids. */
interface Case {
  readonly key: keyof typeof projectKeys
  /** What the project has besides `restricted`. */
  readonly rules?: Readonly<Record<string, string>>
  readonly forbidden: Part
  /** What instances need to have to be allowed; they get it from the profile "default". */
  readonly needed?: Part
  /** What the refusal says. */
  readonly says: RegExp
}

const device = (keys: Readonly<Record<string, string>>): Part => ({ devices: { x: keys } })

const cases: readonly Case[] = [
  {
    key: 'restricted.containers.privilege',
    forbidden: { config: { 'security.privileged': 'true' } },
    says: /Privileged containers are forbidden/,
  },
  {
    key: 'restricted.containers.privilege',
    rules: { 'restricted.containers.privilege': 'isolated' },
    needed: { config: { 'security.idmap.isolated': 'true' } },
    forbidden: { config: { 'security.idmap.isolated': 'false' } },
    says: /Non-isolated containers are forbidden/,
  },
  {
    key: 'restricted.containers.nesting',
    forbidden: { config: { 'security.nesting': 'true' } },
    says: /Container nesting is forbidden/,
  },
  {
    key: 'restricted.containers.lowlevel',
    forbidden: { config: { 'raw.lxc': 'lxc.environment = A=b' } },
    says: /Use of low-level config "raw.lxc"/,
  },
  {
    key: 'restricted.containers.lowlevel',
    forbidden: { config: { 'security.idmap.size': '65536' } },
    says: /Use of low-level config "security.idmap.size"/,
  },
  ...(['uid', 'gid'] as const).map((kind): Case => ({
    key: `restricted.idmap.${kind}`,
    rules: { [`restricted.idmap.${kind}`]: '1000-1001' },
    needed: { config: { 'raw.idmap': `${kind} 1000-1001 500-501` } },
    forbidden: { config: { 'raw.idmap': `${kind} 1001-1002 500-501` } },
    says: /Use of low-level "raw.idmap" element 0/,
  })),
  {
    key: 'restricted.idmap.uid',
    rules: { 'restricted.idmap.uid': '1000' },
    forbidden: { config: { 'raw.idmap': 'uid 1000 1000\nboth 1001 1001' } },
    says: /Use of low-level "raw.idmap" element 1/,
  },
  {
    key: 'restricted.devices.disk',
    forbidden: device({ type: 'disk', path: '/mnt', source: '/' }),
    says: /Attaching disks not backed by a pool is forbidden/,
  },
  {
    key: 'restricted.devices.disk',
    rules: { 'restricted.devices.disk': 'block' },
    forbidden: device({ type: 'disk', path: '/mnt', source: '/' }),
    says: /Disk devices are forbidden/,
  },
  {
    key: 'restricted.devices.disk.paths',
    rules: { 'restricted.devices.disk': 'allow', 'restricted.devices.disk.paths': '/usr/share' },
    needed: { devices: { y: { type: 'disk', path: '/y', source: '/usr/share' } } },
    forbidden: device({ type: 'disk', path: '/mnt', source: '/usr/share/../../etc' }),
    says: /Disk source path ".*" not allowed/,
  },
  {
    key: 'restricted.devices.nic',
    forbidden: device({ type: 'nic', nictype: 'bridged', parent: 'br0' }),
    says: /Only managed network devices are allowed/,
  },
  {
    key: 'restricted.devices.nic',
    forbidden: device({ type: 'nic', network: 'br0', 'ipv4.routes': '10.9.0.0/24' }),
    says: /Use of "ipv4.routes" is forbidden/,
  },
  {
    key: 'restricted.devices.nic',
    rules: { 'restricted.devices.nic': 'block' },
    forbidden: device({ type: 'nic', network: 'br0' }),
    says: /Network devices are forbidden/,
  },
  {
    key: 'restricted.devices.unix-char',
    forbidden: device({ type: 'unix-char', source: '/dev/null', path: '/dev/x' }),
    says: /Unix character devices are forbidden/,
  },
  {
    key: 'restricted.devices.unix-block',
    forbidden: device({ type: 'unix-block', path: '/dev/x', major: '8', minor: '0' }),
    says: /Unix block devices are forbidden/,
  },
  {
    key: 'restricted.devices.proxy',
    forbidden: device({ type: 'proxy', listen: 'unix:@a', connect: 'unix:@b' }),
    says: /Proxy devices are forbidden/,
  },
  {
    key: 'restricted.networks.access',
    rules: { 'restricted.networks.access': 'br1' },
    needed: { devices: { y: { type: 'nic', network: 'br1', name: 'eth9' } } },
    forbidden: device({ type: 'nic', network: 'br0' }),
    says: /Network not allowed in project/,
  },
]

/** An attempt in a project: something forbidden is brought in, or what is there already is moved on. */
type Attempt = (project: string, one: Case) => { readonly url: string; readonly body: object }

/** The names of what is in each project: an instance and a profile that are allowed, and ones that are not. */
const good = (project: string) => `${project}-good`
const bad = (project: string) => `${project}-bad`

const inside = (project: string, path: string) => `/1.0/${path}?project=${project}`
const empty = { type: 'none' }

/** Ways to write, by method and path. Each new route that writes what projects restrict has to find a place here. */
const attempts: Readonly<Record<string, Readonly<Record<string, Attempt>>>> = {
  'POST /1.0/instances': {
    create: (project, { forbidden }) => ({
      url: inside(project, 'instances'),
      body: { name: `${project}-new1`, source: empty, ...forbidden },
    }),
    'create from an image': (project, { forbidden }) => ({
      url: inside(project, 'instances'),
      body: { name: `${project}-new2`, source: { type: 'image', fingerprint }, ...forbidden },
    }),
    'create with a profile': (project) => ({
      url: inside(project, 'instances'),
      body: { name: `${project}-new3`, source: empty, profiles: ['default', 'bad'] },
    }),
  },
  'PUT /1.0/instances/{name}': {
    put: (project, { forbidden }) => ({
      url: inside(project, `instances/${good(project)}`),
      body: { ...forbidden, profiles: ['default'] },
    }),
    'assign a profile by put': (project) => ({
      url: inside(project, `instances/${good(project)}`),
      body: { profiles: ['default', 'bad'] },
    }),
    'put what is there already': (project, { forbidden }) => ({
      url: inside(project, `instances/${bad(project)}`),
      body: { ...forbidden, profiles: ['default'], description: 'x' },
    }),
  },
  'PATCH /1.0/instances/{name}': {
    patch: (project, { forbidden }) => ({ url: inside(project, `instances/${good(project)}`), body: forbidden }),
    'assign a profile by patch': (project) => ({
      url: inside(project, `instances/${good(project)}`),
      body: { profiles: ['default', 'bad'] },
    }),
    'describe what is there already': (project) => ({
      url: inside(project, `instances/${bad(project)}`),
      body: { description: 'y' },
    }),
  },
  'POST /1.0/instances/{name}': {
    rename: (project) => ({ url: inside(project, `instances/${bad(project)}`), body: { name: `${project}-other` } }),
  },
  'POST /1.0/profiles': {
    'create a profile': (project, { forbidden }) => ({
      url: inside(project, 'profiles'),
      body: { name: 'new', ...forbidden },
    }),
  },
  'PUT /1.0/profiles/{name}': {
    'put a profile that nobody uses': (project, { forbidden }) => ({
      url: inside(project, 'profiles/unused'),
      body: forbidden,
    }),
    'put a profile in use': (project, { forbidden }) => ({ url: inside(project, 'profiles/used'), body: forbidden }),
  },
  'PATCH /1.0/profiles/{name}': {
    'patch a profile that nobody uses': (project, { forbidden }) => ({
      url: inside(project, 'profiles/unused'),
      body: forbidden,
    }),
    'patch a profile in use': (project, { forbidden }) => ({ url: inside(project, 'profiles/used'), body: forbidden }),
  },
  'POST /1.0/profiles/{name}': {
    'rename a profile': (project) => ({ url: inside(project, 'profiles/bad'), body: { name: 'worse' } }),
  },
  'PUT /1.0/projects/{name}': {
    'put the project': (project, one) => ({
      url: `/1.0/projects/${project}`,
      body: { config: projectConfig(project, one), description: 'x' },
    }),
  },
  'PATCH /1.0/projects/{name}': {
    'patch the project': (project, one) => ({
      url: `/1.0/projects/${project}`,
      body: { config: projectConfig(project, one) },
    }),
  },
}

/** Routes that write nothing that restrictions are about, and why. */
const harmless: Readonly<Record<string, string>> = {
  'POST /1.0/instances/{name}/exec': 'runs a command',
  'POST /1.0/instances/{name}/console': 'shows a terminal',
  'POST /1.0/instances/{name}/files': 'writes into a root file system',
  'PUT /1.0/instances/{name}/state': 'starts and stops',
  'PUT /1.0/instances': 'starts and stops',
  'POST /1.0/projects': 'nothing is in a new project',
  'POST /1.0/projects/{name}': 'only empty projects are renamed',
  'POST /1.0/images': 'an image says nothing of what instances may do',
  'PUT /1.0/images/{fingerprint}': 'as above',
  'PATCH /1.0/images/{fingerprint}': 'as above',
  'POST /1.0/images/{fingerprint}/secret': 'as above',
  'POST /1.0/images/{fingerprint}/export': 'as above',
  'POST /1.0/images/{fingerprint}/refresh': 'as above',
  'POST /1.0/images/aliases': 'as above',
  'POST /1.0/images/aliases/{name}': 'as above',
  'PUT /1.0/images/aliases/{name}': 'as above',
  'PATCH /1.0/images/aliases/{name}': 'as above',
  'POST /1.0/networks': 'networks are in the project "default", without restrictions of its own',
  'POST /1.0/networks/{name}': 'as above',
  'PUT /1.0/networks/{name}': 'as above',
  'PATCH /1.0/networks/{name}': 'as above',
  'POST /1.0/storage-pools': 'pools are of the server',
  'PUT /1.0/storage-pools/{name}': 'as above',
  'PATCH /1.0/storage-pools/{name}': 'as above',
}

test('every route that writes what is in projects is tried here, or is said to be harmless', () => {
  const nouns = /^\/1\.0\/(instances|profiles|projects|images|networks|network-|storage-)/
  const pairs = routes.flatMap((route) =>
    (['post', 'put', 'patch'] as const)
      .filter((verb) => route[verb])
      .map((verb) => `${verb.toUpperCase()} ${route.path.replace(/^\/1\.0\/containers/, '/1.0/instances')}`),
  )
  const unknown = pairs.filter((pair) => nouns.test(pair.split(' ')[1] ?? '') && !attempts[pair] && !harmless[pair])
  assert.deepEqual(unknown, [], 'these need an entry in `attempts`, or in `harmless` with a reason')
  assert.deepEqual(
    Object.keys(attempts).filter((pair) => !pairs.includes(pair)),
    [],
  )
})

test('only the commit function of each entity writes its records', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url))
  const writers = globSync('**/*.ts', { cwd: src }).filter((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const ruled = /\b(instance|profile|project|image|network)Records\(/.test(text)
    return ruled && text.includes('.put(') && !path.endsWith('.test.ts')
  })
  assert.deepEqual(writers.toSorted(), [
    // These two write other records; what they read of projects and networks is not theirs to write.
    'auth/access-store.ts',
    'auth/trust-store.ts',
    'images/aliases.ts',
    'images/images.ts',
    'instances/commit.ts',
    // Makes the writes of a rename, which go into the commit of the profile.
    'instances/profile-users.ts',
    'networks/networks.ts',
    // Makes the writes that go into the commit of the project.
    'profiles/default-profile.ts',
    'profiles/profiles.ts',
    'projects/projects.ts',
    'storage/pools.ts',
  ])
})

test('every restriction is tried here, or what it restricts is not there', () => {
  const risks = new Set(Object.values(instanceKeys).map(({ risk }) => risk))
  const paths = routes.map(({ path }) => path)
  const none = (pattern: RegExp) => !paths.some((path) => pattern.test(path))
  const notThere: Readonly<Record<string, boolean>> = {
    'restricted.backups': none(/\/backups/),
    'restricted.snapshots': none(/\/snapshots/),
    'restricted.cluster.groups': none(/\/cluster/),
    'restricted.cluster.target': none(/\/cluster/),
    'restricted.containers.interception': !risks.has('interception') && !risks.has('mount-interception'),
    'restricted.networks.zones': none(/\/network-zones/),
    // Tried below: there are no such devices, no virtual machines, and no project has networks of its own.
    ...Object.fromEntries(missingDevices.map((type) => [`restricted.devices.${type}`, true])),
    'restricted.virtual-machines.lowlevel': true,
    'restricted.networks.subnets': true,
    'restricted.networks.uplinks': true,
  }
  const tried = new Set<string>(cases.map(({ key }) => key))
  const left = Object.keys(projectKeys).filter(
    (key) => key.startsWith('restricted.') && !tried.has(key) && notThere[key] !== true,
  )
  assert.deepEqual(left, [], 'these need a case')
})

const missingDevices = ['gpu', 'infiniband', 'pci', 'unix-hotplug', 'usb']

let daemon: TestDaemon
before(async () => {
  daemon = await startDaemonWithThings()
  await daemon.ok('POST', '/1.0/images', { body: image })
  for (const [index, one] of cases.entries()) {
    for (const project of [`r${index}`, `u${index}`]) await fill(project, one)
  }
  await restrict()
})
after(() => daemon[Symbol.asyncDispose]())

async function fill(project: string, one: Case): Promise<void> {
  await makeProject(daemon, project)
  if (one.needed) await daemon.ok('PATCH', inside(project, 'profiles/default'), { body: one.needed })
  const profile = async (name: string, part: Part) =>
    await daemon.ok('POST', inside(project, 'profiles'), { body: { name, ...part } })
  await profile('unused', {})
  await profile('used', {})
  await profile('bad', one.forbidden)
  const instance = async (name: string, part: Part, profiles: readonly string[]) =>
    await daemon.ok('POST', inside(project, 'instances'), { body: { name, source: empty, profiles, ...part } })
  await instance(good(project), {}, ['default'])
  await instance(bad(project), one.forbidden, ['default'])
  await instance(`${project}-uses`, {}, ['default', 'used'])
}

/** The configuration that makes a project of a case restricted; one that is not to be is not. */
function projectConfig(project: string, one: Case): object {
  const base = { 'features.images': 'false', 'features.profiles': 'true', 'features.storage.volumes': 'true' }
  return { ...base, ...(project.startsWith('r') ? { restricted: 'true' } : { 'user.a': 'b' }), ...one.rules }
}

/** Makes projects restricted that have in them what they may not: as an older program could have left them. */
async function restrict(): Promise<void> {
  await daemon.close()
  {
    await using store = openSqliteStore(join(daemon.directory, 'database', 'lxd.db'))
    const records = projectRecords(store)
    for (const [index, { rules }] of cases.entries()) {
      const found = records.get(`r${index}`)?.value
      assert.ok(found)
      await store.commit([
        records.put({ ...found, config: { ...found.config, restricted: 'true', ...rules } }, found.name),
      ])
    }
  }
  await daemon.open()
}

/** All of a project, but for the times at which things were used. */
async function everything(project: string): Promise<Json> {
  const [instances, profiles, itself] = await Promise.all([
    daemon.ok('GET', `${inside(project, 'instances')}&recursion=1`),
    daemon.ok('GET', `${inside(project, 'profiles')}&recursion=1`),
    daemon.ok('GET', `/1.0/projects/${project}`),
  ])
  return [instances, profiles, itself]
}

for (const [index, one] of cases.entries()) {
  const rules = Object.entries(one.rules ?? {}).map((pair) => pair.join('='))
  test(`${one.key}, ${rules.join(' ')}: ${JSON.stringify(one.forbidden)}`, async () => {
    const before = await everything(`r${index}`)
    for (const [pair, ways] of Object.entries(attempts)) {
      const method = pair.split(' ')[0] ?? ''
      for (const [way, attempt] of Object.entries(ways)) {
        const refused = attempt(`r${index}`, one)
        const { status, error } = await daemon.refused(method, refused.url, { body: refused.body })
        assert.match(error, one.says, `${way}: ${status} ${error}`)
        assert.ok([202, 403].includes(status) || (status === 400 && pair.includes('projects')), `${way}: ${status}`)
        assert.deepEqual(await everything(`r${index}`), before, way)

        const control = attempt(`u${index}`, one)
        await daemon.ok(method, control.url, { body: control.body })
        await resetControl(`u${index}`)
      }
    }
  })
}

/** Puts an unrestricted project back as it was, where the next attempt needs it so. */
async function resetControl(project: string): Promise<void> {
  const names: readonly string[] = (await daemon.ok('GET', `${inside(project, 'instances')}&recursion=1`)).map(
    ({ name }: { name: string }) => name,
  )
  for (const name of names.filter((found) => found.startsWith(`${project}-new`)))
    await daemon.ok('DELETE', inside(project, `instances/${name}`))
  if (names.includes(`${project}-other`)) {
    await daemon.ok('POST', inside(project, `instances/${project}-other`), { body: { name: bad(project) } })
  }
  await daemon.ok('PUT', inside(project, `instances/${good(project)}`), {
    body: { profiles: ['default'] },
  })
  const profiles: readonly string[] = (await daemon.ok('GET', inside(project, 'profiles'))).map((url: string) =>
    url.replace(/^.*\/|\?.*$/g, ''),
  )
  if (profiles.includes('worse')) await daemon.ok('POST', inside(project, 'profiles/worse'), { body: { name: 'bad' } })
}

test('an instance that is allowed can be made, changed and renamed', async () => {
  for (const index of cases.keys()) {
    const project = `r${index}`
    const name = `${project}-fine`
    await daemon.ok('POST', inside(project, 'instances'), { body: { name, source: empty } })
    await daemon.ok('PATCH', inside(project, `instances/${name}`), { body: { config: { 'user.a': 'b' } } })
    await daemon.ok('POST', inside(project, `instances/${name}`), { body: { name: `${name}2` } })
    await daemon.ok('DELETE', inside(project, `instances/${name}2`))
    await daemon.ok('PATCH', inside(project, 'profiles/unused'), { body: { config: { 'user.a': 'b' } } })
  }
})

test('isolation that nobody asked for is not there: the default counts', async () => {
  const config = { restricted: 'true', 'restricted.containers.privilege': 'isolated' }
  await makeProject(daemon, 'isolated', config)
  const create = (more: object) =>
    ['POST', inside('isolated', 'instances'), { body: { name: 'isolated-1', source: empty, ...more } }] as const
  assert.match((await daemon.refused(...create({}))).error, /Non-isolated containers are forbidden/)
  await daemon.ok(...create({ config: { 'security.idmap.isolated': 'true' } }))
  const unset = { body: { config: { 'security.idmap.isolated': '' } } }
  const { error } = await daemon.refused('PATCH', inside('isolated', 'instances/isolated-1'), unset)
  assert.match(error, /Non-isolated containers are forbidden/)
})

test('a network that a project has no access to is, to it, not there', async () => {
  await makeProject(daemon, 'access')
  const list = async () => await daemon.ok('GET', inside('access', 'networks'))
  assert.ok((await list()).includes('/1.0/networks/br0'))
  const config = { restricted: 'true', 'restricted.networks.access': 'br1' }
  await daemon.ok('PATCH', '/1.0/projects/access', { body: { config } })
  assert.deepEqual(await list(), ['/1.0/networks/br1'])
  await daemon.ok('GET', inside('access', 'networks/br1'))
  for (const [method, path] of [
    ['GET', 'networks/br0'],
    ['GET', 'networks/br0/state'],
    ['GET', 'networks/br0/leases'],
    ['PUT', 'networks/br0'],
    ['PATCH', 'networks/br0'],
    ['POST', 'networks/br0'],
    ['DELETE', 'networks/br0'],
  ] as const) {
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: { name: 'br9', config: {}, description: '' } }
    const answer = await daemon.refused(method, inside('access', path), body)
    assert.deepEqual(answer, { status: 404, error: 'Network not found' })
  }
  await daemon.ok('GET', '/1.0/networks/br0')
})

test('what is not there can not be had in any project', async () => {
  await makeProject(daemon, 'free')
  for (const type of missingDevices) {
    const body = { name: `free-${type}`, source: empty, devices: { x: { type } } }
    assert.match((await daemon.refused('POST', inside('free', 'instances'), { body })).error, /Unsupported device type/)
  }
  const machine = { name: 'free-vm', type: 'virtual-machine', source: empty }
  assert.match(
    (await daemon.refused('POST', inside('free', 'instances'), { body: machine })).error,
    /expected container/,
  )
  const networks = { body: { name: 'free2', config: { 'features.networks': 'true' } } }
  assert.match((await daemon.refused('POST', '/1.0/projects', networks)).error, /only the project "default"/)
  const target = { body: { name: 'free-t', source: empty } }
  assert.match(
    (await daemon.refused('POST', `${inside('free', 'instances')}&target=m1`, target)).error,
    /Target only allowed when clustered/,
  )
})

test('a project that shares the profiles of "default" can not be restricted', async () => {
  const config = { 'features.profiles': 'false', restricted: 'true' }
  for (const [method, url, body] of [
    ['POST', '/1.0/projects', { name: 'shares', config }],
    ['PUT', '/1.0/projects/free3', { config, description: '' }],
    ['PATCH', '/1.0/projects/free3', { config }],
  ] as const) {
    if (method === 'PUT') await daemon.ok('POST', '/1.0/projects', { body: { name: 'free3' } })
    const { status, error } = await daemon.refused(method, url, { body })
    assert.deepEqual([status, error], [400, 'Projects without their own profiles cannot be restricted'])
  }
})
