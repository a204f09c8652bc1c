import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { directory, file, tar } from '../tar.ts'
import type { CallOptions } from './call.ts'
import type { TestDaemon } from './daemon.ts'
import { image, makeProject, root, startDaemonWithThings } from './project-policy.ts'

type Call = readonly [method: string, url: string, options?: CallOptions]

let daemon: TestDaemon
before(async () => (daemon = await startDaemonWithThings()))
after(() => daemon[Symbol.asyncDispose]())

const create = (project: string, name: string, more: object = {}) =>
  ['POST', `/1.0/instances?project=${project}`, { body: { name, source: { type: 'none' }, ...more } }] as const

const limits = (config: object) => ({ body: { config } })

async function state(project: string): Promise<Record<string, { Limit: number; Usage: number }>> {
  const { resources } = await daemon.ok('GET', `/1.0/projects/${project}/state`)
  return resources as Record<string, { Limit: number; Usage: number }>
}

/** How many of these requests go well in the end, all sent at once. */
async function countDone(requests: readonly Call[]): Promise<number> {
  const answers = await Promise.all(requests.map((one) => daemon.call(...one)))
  const over = await Promise.all(
    answers.map(async ({ status, body }) => {
      if (status !== 202) return status < 300
      const waited = await daemon.call('GET', `${body.operation}/wait?timeout=20`)
      return waited.body.metadata.status === 'Success'
    }),
  )
  return over.filter(Boolean).length
}

test('of 20 instances made at once, as many come to be as the project may have', async () => {
  await makeProject(daemon, 'race', { 'limits.instances': '5' })
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`)
  assert.equal(await countDone(names.map((name) => create('race', name))), 5)
  const list = await daemon.ok('GET', '/1.0/instances?project=race')
  assert.equal(list.length, 5)
  assert.deepEqual((await state('race'))['instances'], { Limit: 5, Usage: 5 })
  assert.deepEqual(await daemon.refused(...create('race', 'more')), {
    status: 403,
    error: 'Failed checking if instance creation allowed: Reached maximum number of instances in project "race"',
  })

  // The control: without the limit all of them do.
  await makeProject(daemon, 'norace')
  assert.equal(await countDone(names.map((name) => create('norace', name))), 20)
})

test('a limit that is set while instances are made holds, or is refused', async () => {
  for (const round of ['a', 'b', 'c', 'd']) {
    const project = `late${round}`
    await makeProject(daemon, project)
    const names = Array.from({ length: 10 }, (_, index) => `c${index}`)
    const set = daemon.call('PATCH', `/1.0/projects/${project}`, limits({ 'limits.instances': '3' }))
    await Promise.all([set, countDone(names.map((name) => create(project, name)))])
    const { Limit = -1, Usage = 0 } = (await state(project))['instances'] ?? {}
    assert.ok(Limit === -1 || Usage <= Limit, `${Usage} of ${Limit}`)
  }
})

test('many changes at once do not get above a sum, and a shared profile counts for each who uses it', async () => {
  await makeProject(daemon, 'sum', { 'limits.memory': '1GiB' })
  const memory = (amount: string) => ({ config: { 'limits.memory': amount } })
  for (const name of ['c1', 'c2', 'c3']) await daemon.ok(...create('sum', name, memory('256MiB')))
  const grow = ['c1', 'c2', 'c3'].map(
    (name) => ['PATCH', `/1.0/instances/${name}?project=sum`, { body: memory('512MiB') }] as const,
  )
  assert.equal(await countDone(grow), 1)
  assert.deepEqual((await state('sum'))['memory'], { Limit: 2 ** 30, Usage: 2 ** 30 })

  // Two projects that use the profiles of "default": one is limited, the other is not.
  for (const [name, config] of [
    ['shared1', { 'limits.processes': '100' }],
    ['shared2', {}],
  ] as const) {
    await daemon.ok('POST', '/1.0/projects', { body: { name, config: { 'features.profiles': 'false', ...config } } })
  }
  const profile = { body: { name: 'many', config: { 'limits.processes': '50' }, devices: { root } } }
  await daemon.ok('POST', '/1.0/profiles', profile)
  for (const project of ['shared1', 'shared2']) {
    for (const name of ['d1', 'd2']) await daemon.ok(...create(project, name, { profiles: ['many'] }))
  }
  const more = ['PATCH', '/1.0/profiles/many', { body: { config: { 'limits.processes': '51' } } }] as const
  const { status, error } = await daemon.refused(...more)
  assert.equal(status, 403)
  assert.match(error, /Reached maximum aggregate value "100" for "limits.processes" in project "shared1"/)
  assert.equal((await daemon.ok('GET', '/1.0/profiles/many')).config['limits.processes'], '50')
  await daemon.ok('DELETE', '/1.0/instances/d1?project=shared1')
  await daemon.ok(...more)
})

test('a limit that is too low for what is there is refused and names it', async () => {
  await makeProject(daemon, 'low')
  await daemon.ok(...create('low', 'c1', { config: { 'limits.cpu': '2' } }))
  for (const [config, message] of [
    [
      { 'limits.instances': '0' },
      /"limits.instances" is too low: there currently are 1 total instances in project "low"/,
    ],
    [{ 'limits.containers': '0' }, /there currently are 1 instances of type container/],
    [{ 'limits.cpu': '1' }, /"limits.cpu" is too low: current total is "2"/],
    [{ 'limits.memory': '1GiB' }, /Instance "c1" in project "low" has no "limits.memory" config/],
    [{ 'limits.disk': '1GiB' }, /Instance "c1" in project "low" has no "size" config set on the root device/],
    [{ 'limits.cpu': 'many' }, /"limits.cpu": Invalid value "many" for an integer/],
    [{ 'limits.memory': '1 apple' }, /"limits.memory": Cannot read size/],
    [{ 'limits.instances': '-1' }, /"limits.instances": Invalid value "-1"/],
  ] as const) {
    const { status, error } = await daemon.refused('PATCH', '/1.0/projects/low', limits(config))
    assert.equal(status, 400)
    assert.match(error, message)
  }
  const { config } = await daemon.ok('GET', '/1.0/projects/low')
  assert.deepEqual(
    Object.keys(config).filter((key) => key.startsWith('limits.')),
    [],
  )
  await daemon.ok('PATCH', '/1.0/projects/low', limits({ 'limits.cpu': '2' }))
  assert.match(
    (await daemon.refused('PATCH', '/1.0/instances/c1?project=low', limits({ 'limits.cpu': '0-1' }))).error,
    /Failed parsing "limits.cpu" for instance "c1" in project "low"/,
  )
})

test('an upload ends where the project may have no more, and leaves nothing', async () => {
  const config = { 'features.images': 'true', 'limits.disk': String(image.length) }
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'disk', config } })
  const noise = 'x'.repeat(64 * 1024)
  const big = tar([
    file('metadata.yaml', '{"architecture":"x86_64","creation_date":1}'),
    directory('rootfs'),
    file('rootfs/f', noise),
  ])
  const upload = (project: string, body: Buffer) => ['POST', `/1.0/images?project=${project}`, { body }] as const

  const { status, error } = await daemon.refused(...upload('disk', big))
  assert.equal(status, 403)
  assert.match(error, new RegExp(`reached \\d+ bytes, exceeding quota of ${image.length}`))
  assert.deepEqual(await daemon.ok('GET', '/1.0/images?project=disk'), [])

  await daemon.ok(...upload('disk', image))
  assert.deepEqual((await state('disk'))['disk'], { Limit: image.length, Usage: image.length })
  assert.equal((await daemon.refused(...upload('disk', big))).status, 403)
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'nolimit' } })
  await daemon.ok(...upload('nolimit', big))
  await daemon.ok(
    'DELETE',
    `/1.0/images/${(await daemon.ok('GET', '/1.0/images?project=disk'))[0].split('/').at(-1).split('?')[0]}?project=disk`,
  )
  assert.deepEqual((await state('disk'))['disk'], { Limit: image.length, Usage: 0 })
})

test('of two uploads at once that fit only one by one, one is refused', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'two', config: { 'limits.disk': String(image.length) } } })
  const other = Buffer.from(image)
  other.write('os2', other.indexOf('"os"'))
  const upload = (body: Buffer) => ['POST', '/1.0/images?project=two', { body }] as const
  assert.ok((await countDone([upload(image), upload(other)])) <= 1)
})

test('networks count in the project they are in', async () => {
  await daemon.ok('PATCH', '/1.0/projects/default', limits({ 'limits.networks': '3' }))
  const network = (name: string) =>
    [
      'POST',
      '/1.0/networks',
      { body: { name, type: 'bridge', config: { 'ipv4.address': 'none', 'ipv6.address': 'none' } } },
    ] as const
  assert.equal(await countDone(['n1', 'n2', 'n3'].map(network)), 1)
  assert.equal((await daemon.refused('PATCH', '/1.0/projects/default', limits({ 'limits.networks': '2' }))).status, 400)
  await daemon.ok('PATCH', '/1.0/projects/default', limits({ 'limits.networks': '' }))
  await daemon.ok(...network('n4'))
})

test('a change that keeps within the limits is taken at the limit: renames, descriptions, the same again', async () => {
  await makeProject(daemon, 'full', {
    'limits.instances': '1',
    'limits.containers': '1',
    'limits.virtual-machines': '0',
  })
  await daemon.ok(...create('full', 'c1'))
  await daemon.ok('PATCH', '/1.0/instances/c1?project=full', { body: { description: 'x' } })
  await daemon.ok('POST', '/1.0/instances/c1?project=full', { body: { name: 'c2' } })
  await daemon.ok('DELETE', '/1.0/instances/c2?project=full')
  await daemon.ok(...create('full', 'c3'))
})
