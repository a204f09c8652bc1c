/** Someone who has one project, from inside it, after what is in another: by every way one thing can name another. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { TestDaemon } from '../api/daemon.ts'
import { Impersonation } from '../api/impersonation.ts'
import type { Caller } from '../api/impersonation.ts'
import { missingId, projects, Scene } from '../api/scene.ts'
import { directory, file, tar } from '../tar.ts'

const { shown, hidden, missing } = projects
const insiders = ['restricted', 'p1 manager', 'p1 admin'] as const
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
}

/** Asks as someone and waits, as an administrator, for what was begun. */
async function ask(as: Caller, method: string, url: string, body?: unknown): Promise<Answer> {
  const { status, text } = await api.call(as, { method, url, headers: json, body: JSON.stringify(body) ?? '' })
  const answer = (status < 300 && !text.startsWith('{') ? { error: '' } : JSON.parse(text)) as {
    readonly error: string
    readonly operation: string
  }
  if (status !== 202) return { status, error: answer.error }
  const over = await daemon.call('GET', `${answer.operation}/wait?timeout=5`)
  const { err, status_code: code } = over.body.metadata
  return { status: code < 400 ? 200 : 400, error: err }
}

/** What a way to name a thing is tried with. */
interface Named {
  readonly instance: string
  readonly profile: string
  readonly alias: string
  readonly fingerprint: string
  readonly log: string
  readonly operation: string
  readonly os: string
  readonly project: string
}

const nothing: Named = {
  instance: 'atlantis-runs',
  profile: 'atlantis-profile',
  alias: 'atlantis-image',
  fingerprint: 'a'.repeat(64),
  log: `exec_${missingId}.stdout`,
  operation: missingId,
  os: 'atlantis',
  project: missing,
}

const named = (project: string): Named => ({ ...scene.of(project), os: project, project })

type Try = (thing: Named) => readonly [method: string, url: string, body?: unknown]

const create = (source: object, more: object = {}) =>
  ['POST', '/1.0/instances?project=p1', { name: 'made', source, ...more }] as const
const disk = (source: string) => ({ devices: { d: { type: 'disk', pool: 'local', source, path: '/mnt' } } })

/** Each is tried with what is in the hidden project, with what is nowhere and, as the control, with what is in p1. */
const ways: Readonly<Record<string, Try>> = {
  'an image by fingerprint': ({ fingerprint }) => create({ type: 'image', fingerprint }),
  'an image by the beginning of its fingerprint': ({ fingerprint }) =>
    create({ type: 'image', fingerprint: fingerprint.slice(0, 12) }),
  'an image by alias': ({ alias }) => create({ type: 'image', alias }),
  'an image by properties': ({ os }) => create({ type: 'image', properties: { os } }),
  'a profile': ({ profile }) => create({ type: 'none' }, { profiles: ['default', profile] }),
  'a profile of an instance that there is': ({ profile }) => [
    'PATCH',
    `/1.0/instances/${scene.of(shown).stopped}?project=p1`,
    { profiles: ['default', profile] },
  ],
  'a profile of an image': ({ profile }) => [
    'PATCH',
    `/1.0/images/${scene.of(shown).fingerprint}?project=p1`,
    { profiles: [profile] },
  ],
  'the target of an alias': ({ fingerprint }) => [
    'PATCH',
    `/1.0/images/aliases/${scene.of(shown).alias}?project=p1`,
    { target: fingerprint },
  ],
  'an instance by its path': ({ instance }) => ['GET', `/1.0/instances/${instance}?project=p1`],
  'its state': ({ instance }) => ['GET', `/1.0/instances/${instance}/state?project=p1`],
  'its logs': ({ instance }) => ['GET', `/1.0/instances/${instance}/logs?project=p1`],
  'a log of it': ({ instance, log }) => ['GET', `/1.0/instances/${instance}/logs/${log}?project=p1`],
  'a command in it': ({ instance }) => ['POST', `/1.0/instances/${instance}/exec?project=p1`, { command: ['true'] }],
  'its volume': ({ instance }) => ['GET', `/1.0/storage-pools/local/volumes/container/${instance}?project=p1`],
  'the state of its volume': ({ instance }) => [
    'GET',
    `/1.0/storage-pools/local/volumes/container/${instance}/state?project=p1`,
  ],
  'an image by its path': ({ fingerprint }) => ['GET', `/1.0/images/${fingerprint}?project=p1`],
  'the files of an image': ({ fingerprint }) => ['GET', `/1.0/images/${fingerprint}/export?project=p1`],
  'an alias by its path': ({ alias }) => ['GET', `/1.0/images/aliases/${alias}?project=p1`],
  'a profile by its path': ({ profile }) => ['GET', `/1.0/profiles/${profile}?project=p1`],
  'an operation': ({ operation }) => ['GET', `/1.0/operations/${operation}`],
  'an operation by way of p1': ({ operation }) => ['GET', `/1.0/operations/${operation}?project=p1`],
  'the end of an operation': ({ operation }) => ['GET', `/1.0/operations/${operation}/wait?timeout=0`],
  'a project by its path': ({ project }) => ['GET', `/1.0/projects/${project}`],
  'the usage of a project': ({ project }) => ['GET', `/1.0/projects/${project}/state`],
}

/** The same, of which there is no control: they are refused to everyone, or have not been made yet. */
const withoutControl: Readonly<Record<string, Try>> = {
  'the source of a copy': ({ instance, project }) => create({ type: 'copy', source: instance, project }),
  'the project of an image': ({ fingerprint, project }) => create({ type: 'image', fingerprint, project }),
  'a project to move to': ({ project }) => [
    'POST',
    `/1.0/instances/${scene.of(shown).stopped}?project=p1`,
    { name: 'moved', project },
  ],
  'a project to fetch an image from': ({ fingerprint, project }) => [
    'POST',
    '/1.0/images?project=p1',
    { source: { type: 'image', mode: 'pull', fingerprint, project } },
  ],
  'the volume of an instance': ({ instance }) => create({ type: 'none' }, disk(instance)),
  'the volume of an instance as it is called on disk': ({ instance, project }) =>
    create({ type: 'none' }, disk(`${project}_${instance}`)),
  'the volume of an instance with its type': ({ instance }) => create({ type: 'none' }, disk(`container/${instance}`)),
  'an instance as it is called at the runtime': ({ instance, project }) => [
    'GET',
    `/1.0/instances/${project}_${instance}/logs?project=default`,
  ],
  'a path out of p1': ({ instance, project }) => ['GET', `/1.0/instances/..%2F${project}%2F${instance}?project=p1`],
  'a key out of p1': ({ instance, project }) => ['GET', `/1.0/instances/${instance}?project=p1%2F..%2F${project}`],
  'a project named twice': ({ instance, project }) => [
    'GET',
    `/1.0/instances/${instance}?project=p1&project=${project}`,
  ],
  'a project in another case': ({ project }) => ['GET', `/1.0/instances?Project=p1&project=${project}`],
  'cancelling an operation': ({ operation }) => ['DELETE', `/1.0/operations/${operation}`],
}

/** An answer without the names that it was asked with. */
function blind({ status, error }: Answer, thing: Named): string {
  let text = error
  for (const name of [thing.fingerprint, thing.fingerprint.slice(0, 12), ...Object.values(thing)]) {
    text = text.replaceAll(name, '…')
  }
  return `${status} ${text}`
}

for (const [what, way] of Object.entries({ ...ways, ...withoutControl })) {
  test(`another project is not reached by ${what}`, async () => {
    const [other, none] = [named(hidden), nothing]
    for (const as of insiders) {
      const refused = await ask(as, ...way(other))
      assert.ok(refused.status >= 400, `${as}: ${JSON.stringify(refused)}`)
      // And it is told what it would be told of what is not there.
      assert.equal(blind(refused, other), blind(await ask(as, ...way(none)), none), as)
    }
    if (!ways[what]) return
    const allowed = await ask('restricted', ...way(named(shown)))
    assert.ok(allowed.status < 300, `the control: ${JSON.stringify(allowed)}`)
    await daemon.call('DELETE', '/1.0/instances/made?project=p1')
  })
}

test('a secret for one image, or one command, opens no other', async () => {
  const [own, other] = [scene.of(shown), scene.of(hidden)]
  const made = await api.call('p1 viewer', { method: 'POST', url: `/1.0/images/${own.fingerprint}/secret?project=p1` })
  const { secret } = JSON.parse(made.text).metadata.metadata
  const get = async (as: Caller, fingerprint: string, project: string) => {
    const url = `/1.0/images/${fingerprint}?project=${project}&secret=${secret}`
    return (await api.call(as, { method: 'GET', url })).status
  }
  for (const as of ['anonymous', 'unnamed', 'restricted'] as const) {
    assert.equal(await get(as, other.fingerprint, hidden), 404)
    assert.equal(await get(as, other.fingerprint, 'p1'), 404)
    assert.equal(await get(as, own.fingerprint, hidden), 404)
    assert.equal(await get(as, scene.of('default').fingerprint, 'default'), 404)
  }
  assert.equal(await get('anonymous', own.fingerprint, 'p1'), 200)

  for (const as of ['anonymous', 'restricted', 'p1 admin', 'viewer'] as const) {
    const { status } = await api.knock(as, `/1.0/operations/${other.operation}/websocket?secret=${own.secret}`)
    assert.notEqual(status, 101, as)
  }
  assert.equal(
    (await api.knock('anonymous', `/1.0/operations/${own.operation}/websocket?secret=${own.secret}`)).status,
    101,
  )
})

test('an upload can not name what is in another project', async () => {
  const image = tar([
    file('metadata.yaml', JSON.stringify({ architecture: 'x86_64', creation_date: 2, properties: {} })),
    directory('rootfs'),
  ])
  const upload = async (profile: string) => {
    const headers = { 'content-type': 'application/octet-stream', 'x-lxd-profiles': `profile=${profile}` }
    const { text } = await api.call('restricted', {
      method: 'POST',
      url: '/1.0/images?project=p1',
      headers,
      body: image,
    })
    const { operation } = JSON.parse(text) as { operation: string }
    return String((await daemon.call('GET', `${operation}/wait?timeout=10`)).body.metadata.err)
  }
  const told = (text: string) => text.replace(hidden, '…').replace(missing, '…')
  assert.equal(told(await upload(`${hidden}-profile`)), told(await upload(`${missing}-profile`)))
  assert.match(await upload(`${missing}-profile`), /doesn't exist/)
  assert.equal(await upload('p1-profile'), '')
})

test('what someone was given in a project that is gone does not come back with its name', async () => {
  const make = () => daemon.ok('POST', '/1.0/projects', { body: { name: 'again' } })
  await make()
  const permissions = [{ entity_type: 'project', url: '/1.0/projects/again', entitlement: 'admin' }]
  await daemon.ok('POST', '/1.0/auth/groups', { body: { name: 'were-there', permissions } })
  const held = async () => (await daemon.ok('GET', '/1.0/auth/groups/were-there')).permissions
  // The control: it was given.
  assert.deepEqual(await held(), permissions)
  await daemon.ok('DELETE', '/1.0/projects/again')
  await make()
  assert.deepEqual(await held(), [])
})

test('what is taken on a network that projects share is not said to be whose', async () => {
  const nic = { type: 'nic', network: 'br0', 'ipv4.address': '10.1.2.77', hwaddr: '00:16:3e:77:77:77' }
  const { stopped } = scene.of(hidden)
  await daemon.ok('PATCH', `/1.0/instances/${stopped}?project=${hidden}`, { body: { devices: { eth0: nic } } })
  const attempts = {
    address: { name: 'a', devices: { eth0: { ...nic, hwaddr: '' } } },
    'MAC address': { name: 'b', devices: { eth0: { ...nic, 'ipv4.address': '' } } },
    name: { name: stopped, devices: { eth0: { type: 'nic', network: 'br0' } } },
  }
  for (const [what, body] of Object.entries(attempts)) {
    const { status, error } = await ask('restricted', ...create({ type: 'none' }, body))
    assert.equal(status, 400, what)
    assert.match(error, /already/, what)
    assert.doesNotMatch(error.replaceAll(body.name, ''), /zanzibar/, what)
  }
  // The control: who is in the same project is told, and can mend it.
  const taken = { name: 'c', source: { type: 'none' }, devices: { eth0: { ...nic, hwaddr: '' } } }
  const told = await ask('admin', 'POST', `/1.0/instances?project=${hidden}`, taken)
  assert.match(told.error, /device "eth0" of instance "zanzibar-stopped"/)
})
