import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from './daemon.ts'

const root = { type: 'disk', path: '/', pool: 'default' }
const privileged = { 'security.privileged': 'true' }

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'default', driver: daemon.host.drivers[0]?.name } })
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'p' } })
})
after(() => daemon[Symbol.asyncDispose]())

const body = (name: string, more: object = {}) => ({
  body: { name, source: { type: 'none' }, devices: { root }, ...more },
})
const make = (name: string, more: object = {}) => daemon.ok('POST', '/1.0/instances', body(name, more))
const set = (url: string, config: Readonly<Record<string, string>>) => daemon.ok('PATCH', url, { body: { config } })

/** The instances that are warned of now. */
async function warned(): Promise<string[]> {
  // A change of a profile is looked at once what else was to be done is done.
  await new Promise(setImmediate)
  await daemon.daemon.services.warnings.flush()
  const all = (await daemon.ok('GET', '/1.0/warnings?recursion=1')) as readonly Readonly<Record<string, string>>[]
  return all
    .filter((one) => one['type'] === 'Instance is privileged' && one['status'] === 'new')
    .map((one) => {
      assert.match(one['last_message'] ?? '', /not root safe/)
      return one['entity_url'] ?? ''
    })
    .toSorted()
}

test('every privileged instance is warned of, whatever made it one, for as long as it is one', async () => {
  await make('own', { config: privileged })
  await make('not')
  await make('profiled', { profiles: ['p'] })
  assert.deepEqual(await warned(), ['/1.0/instances/own'])
  await set('/1.0/profiles/p', { 'security.privileged': 'yes' })
  assert.deepEqual(await warned(), ['/1.0/instances/own', '/1.0/instances/profiled'])
  await daemon.ok('POST', '/1.0/instances/own', { body: { name: 'renamed' } })
  assert.deepEqual(await warned(), ['/1.0/instances/profiled', '/1.0/instances/renamed'])
  await set('/1.0/profiles/p', { 'security.privileged': '' })
  assert.deepEqual(await warned(), ['/1.0/instances/renamed'])
  await daemon.close()
  await daemon.open()
  assert.deepEqual(await warned(), ['/1.0/instances/renamed'])
  await set('/1.0/instances/not', privileged)
  await daemon.ok('DELETE', '/1.0/instances/renamed')
  assert.deepEqual(await warned(), ['/1.0/instances/not'])
  await set('/1.0/instances/not', { 'security.privileged': 'false' })
  assert.deepEqual(await warned(), [])
})

test('a server that has no privileged containers lets none be made, changed to be so or started', async () => {
  const says = /Privileged containers are forbidden on this server/
  const start = { body: { action: 'start', timeout: -1 } }
  await make('before', { config: privileged })
  await make('plain', { profiles: ['p'] })
  await daemon.ok('PUT', '/1.0/instances/before/state', start)
  await set('/1.0', { 'instances.privileged': 'false' })

  const attempts: readonly (readonly [string, string, object])[] = [
    ['POST', '/1.0/instances', body('new', { config: privileged })],
    ['PATCH', '/1.0/instances/plain', { body: { config: privileged } }],
    ['PUT', '/1.0/instances/plain', { body: { config: privileged, devices: { root }, profiles: [] } }],
    ['PATCH', '/1.0/profiles/p', { body: { config: privileged } }],
    ['PUT', '/1.0/profiles/p', { body: { config: privileged } }],
  ]
  for (const [method, url, options] of attempts) {
    assert.match((await daemon.refused(method, url, options)).error, says, `${method} ${url}`)
  }
  // A profile that nobody uses is only text, but brings no instance to be privileged.
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'later', config: privileged } })
  assert.match((await daemon.refused('POST', '/1.0/instances', body('new', { profiles: ['later'] }))).error, says)
  const { error } = await daemon.refused('PATCH', '/1.0/instances/plain', { body: { profiles: ['later'] } })
  assert.match(error, says)

  // What runs already runs on, and is not started again.
  assert.equal((await daemon.ok('GET', '/1.0/instances/before')).status, 'Running')
  await daemon.ok('PUT', '/1.0/instances/before/state', { body: { action: 'stop', timeout: -1, force: true } })
  assert.match((await daemon.refused('PUT', '/1.0/instances/before/state', start)).error, says)
  await set('/1.0/instances/before', { 'security.privileged': 'false' })
  await daemon.ok('PUT', '/1.0/instances/before/state', start)

  // The control: the same once the server allows it.
  await set('/1.0', { 'instances.privileged': '' })
  for (const [method, url, options] of attempts) await daemon.ok(method, url, options)
})
