/**
 * A manager of a project who wants out: random steps, several at a time, while an administrator sets and lifts
 * restrictions. Whenever it is quiet and the project is restricted, nothing in it may have what is forbidden, by a
 * check that shares nothing with the daemon's own.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { TestDaemon } from '../api/daemon.ts'
import { Impersonation } from '../api/impersonation.ts'
import { Scene } from '../api/scene.ts'

const seed = Number(process.env['FUZZ_SEED'] ?? 1)
const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 100)
const abreast = 12

type Map = Readonly<Record<string, string>>

/** What is tried, by what in the project's configuration allows it. */
const config: readonly {
  readonly key: string
  readonly values: readonly string[]
  readonly unless?: readonly [string, string]
}[] = [
  {
    key: 'security.privileged',
    values: ['true', '1', 'yes', 'on', 'TRUE'],
    unless: ['restricted.containers.privilege', 'allow'],
  },
  { key: 'security.nesting', values: ['true', '1', 'on'], unless: ['restricted.containers.nesting', 'allow'] },
  {
    key: 'raw.lxc',
    values: ['lxc.mount.auto=proc:rw', 'lxc.apparmor.profile=unconfined'],
    unless: ['restricted.containers.lowlevel', 'allow'],
  },
  { key: 'raw.idmap', values: ['both 0 0', 'uid 0 0'], unless: ['restricted.containers.lowlevel', 'allow'] },
  { key: 'raw.seccomp', values: ['2\ndenylist\n'], unless: ['restricted.containers.lowlevel', 'allow'] },
  {
    key: 'security.syscalls.intercept.mknod',
    values: ['true'],
    unless: ['restricted.containers.interception', 'allow'],
  },
  { key: 'linux.kernel_modules', values: ['kvm'], unless: ['restricted.containers.lowlevel', 'allow'] },
  { key: 'limits.memory', values: ['1GiB'] },
  { key: 'user.a', values: ['b'] },
]
const devices: readonly { readonly device: Map; readonly unless?: readonly [string, string] }[] = [
  { device: { type: 'disk', source: '/etc', path: '/mnt' }, unless: ['restricted.devices.disk', 'allow'] },
  { device: { type: 'disk', source: '/', path: '/' }, unless: ['restricted.devices.disk', 'allow'] },
  { device: { type: 'disk', source: '/etc', path: '/mnt', pool: 'local' }, unless: ['nothing', 'allows it'] },
  { device: { type: 'disk', source: '../../etc', path: '/mnt', pool: 'local' }, unless: ['nothing', 'allows it'] },
  { device: { type: 'nic', nictype: 'bridged', parent: 'br0' }, unless: ['restricted.devices.nic', 'allow'] },
  { device: { type: 'unix-char', path: '/dev/mem' }, unless: ['restricted.devices.unix-char', 'allow'] },
  {
    device: { type: 'proxy', listen: 'tcp:127.0.0.1:1', connect: 'tcp:127.0.0.1:2' },
    unless: ['restricted.devices.proxy', 'allow'],
  },
  { device: { type: 'nic', network: 'br0' } },
  { device: { type: 'none' } },
]

function makeRandom(state: number) {
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const one = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T
  return { one, chance: (probability: number) => next() < probability }
}

const { one, chance } = makeRandom(seed)
const root = { type: 'disk', path: '/', pool: 'local' }

/** Configuration and devices of which something may be forbidden. */
function wish(): { config: Map; devices: Readonly<Record<string, Map>> } {
  const setting = one(config)
  const wanted = chance(0.7) ? { [setting.key]: one(setting.values) } : {}
  const device = chance(0.4) ? { [one(['d', 'e', 'eth0', 'root'])]: one(devices).device } : {}
  return { config: wanted, devices: { root, ...device } }
}

type Step = readonly [as: 'p1 manager' | 'admin', method: string, url: string, body: object]

function step(): Step {
  const [name, profile] = [one(['a', 'b', 'c']), one(['default', 'q', 'r'])]
  const instance = `/1.0/instances/${name}?project=p1`
  const profiles = chance(0.5) ? [profile] : ['default', profile]
  const steps: readonly (() => Step)[] = [
    () => ['p1 manager', 'POST', '/1.0/instances?project=p1', { name, profiles, source: { type: 'none' }, ...wish() }],
    () => ['p1 manager', 'PUT', instance, { profiles, ...wish() }],
    () => ['p1 manager', 'PATCH', instance, wish()],
    () => ['p1 manager', 'PATCH', instance, { profiles }],
    () => ['p1 manager', 'POST', instance, { name: one(['a', 'b', 'c']) }],
    () => ['p1 manager', 'DELETE', instance, {}],
    () => ['p1 manager', 'POST', '/1.0/profiles?project=p1', { name: profile, ...wish() }],
    () => ['p1 manager', 'PUT', `/1.0/profiles/${profile}?project=p1`, wish()],
    () => ['p1 manager', 'PATCH', `/1.0/profiles/${profile}?project=p1`, wish()],
    () => ['p1 manager', 'POST', `/1.0/profiles/${profile}?project=p1`, { name: one(['q', 'r']) }],
    () => ['p1 manager', 'DELETE', `/1.0/profiles/${profile}?project=p1`, {}],
    () => ['admin', 'PATCH', '/1.0/projects/p1', { config: { restricted: one(['true', 'true', 'false']) } }],
    () => {
      const rules = [...config, ...devices].flatMap(({ unless }) =>
        unless?.[0].startsWith('restricted.') ? [unless] : [],
      )
      const [key, value] = one(rules)
      return ['admin', 'PATCH', '/1.0/projects/p1', { config: { [key]: chance(0.5) ? value : '' } }]
    },
  ]
  return one(steps)()
}

interface Shown {
  readonly name: string
  readonly config: Map
  readonly devices: Readonly<Record<string, Map>>
  readonly expanded_config?: Map
  readonly expanded_devices?: Readonly<Record<string, Map>>
}

/** What of a thing in a restricted project is forbidden there. */
function forbidden(rules: Map, thing: Shown): string[] {
  const settings = { ...thing.config, ...thing.expanded_config }
  const attached = Object.values({ ...thing.devices, ...thing.expanded_devices })
  const isAllowed = (unless?: readonly [string, string]) => unless === undefined || rules[unless[0]] === unless[1]
  const isOn = (value: string) => !/^(0|no|off|false|)$/i.test(value)
  const isSame = (wanted: Map, device: Map) => Object.entries(wanted).every(([key, value]) => device[key] === value)
  return [
    ...config
      .filter(({ key, unless }) => !isAllowed(unless) && isOn(settings[key] ?? ''))
      .map(({ key }) => `${thing.name}: ${key}=${settings[key]}`),
    ...devices
      .filter(({ device, unless }) => !isAllowed(unless) && attached.some((one) => isSame(device, one)))
      .map(({ device }) => `${thing.name}: ${JSON.stringify(device)}`),
  ]
}

test('no sequence of steps, and no race, gets a manager what the project may not have', async (t) => {
  await using daemon = await TestDaemon.start()
  using _scene = await Scene.make(daemon)
  await using api = await Impersonation.start(daemon, silentLog)
  for (const { name } of await daemon.ok('GET', '/1.0/instances?project=p1&recursion=1')) {
    await daemon.call('PUT', `/1.0/instances/${name}/state?project=p1`, { body: { action: 'stop', force: true } })
    await daemon.ok('DELETE', `/1.0/instances/${name}?project=p1`)
  }
  const take = async ([as, method, url, body]: Step): Promise<boolean> => {
    const headers = { 'content-type': 'application/json' }
    const { status, text } = await api.call(as, { method, url, headers, body: JSON.stringify(body) })
    assert.ok(status < 500 || status === 501, `${method} ${url} ${JSON.stringify(body)}: ${text}`)
    if (status !== 202) return status < 300
    const { operation } = JSON.parse(text) as { operation: string }
    return (await daemon.call('GET', `${operation}/wait?timeout=10`)).body.metadata.status_code === 200
  }
  const counts = { taken: 0, restricted: 0, refused: 0, things: 0 }
  /** Forbidden things that a project had while it was not restricted: what shows that the check finds them. */
  const seen = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    const done = await Promise.all(Array.from({ length: abreast }, () => take(step())))
    counts.taken += done.filter(Boolean).length
    counts.refused += done.filter((taken) => !taken).length
    const rules: Map = (await daemon.ok('GET', '/1.0/projects/p1')).config
    const things: Shown[] = [
      ...(await daemon.ok('GET', '/1.0/instances?project=p1&recursion=1')),
      ...(await daemon.ok('GET', '/1.0/profiles?project=p1&recursion=1')),
    ]
    const found = things.flatMap((thing) => forbidden(rules, thing))
    if (rules['restricted'] !== 'true') for (const what of found) seen.add(what.replace(/^.*?: /, ''))
    else {
      assert.deepEqual(found, [], `round ${round} of seed ${seed}, with ${JSON.stringify(rules)}`)
      counts.restricted++
      counts.things += things.length
    }
  }
  t.diagnostic(`seed ${seed}: ${JSON.stringify(counts)}, ${seen.size} kinds seen while it was allowed`)
  assert.ok(counts.restricted > rounds / 10 && counts.taken > rounds && counts.things > rounds / 2)
  assert.ok(seen.size >= 4, [...seen].join(' '))
})
