import assert from 'node:assert/strict'
import { hostname, machine, release } from 'node:os'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { ServerEnvironment } from '#schema/server.ts'
import { poolRecords } from '#store/pool-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { Environment } from './environment.ts'

async function makeEnvironment() {
  const store = openSqliteStore(':memory:')
  const kind = (name: string, version: string | undefined) => ({ name, remote: false, version: async () => version })
  const environment = await Environment.read({
    store,
    runtime: { version: '5.0.2', features: { cgroup2: true, pidfd: false } },
    storageKinds: [kind('overlay', '6.18'), kind('dir', '1'), kind('zfs', undefined)],
    certificate: () => ({ certificate: 'PEM', fingerprint: 'ab' }),
    addresses: () => ['10.0.0.1:8443'],
    kernelFeatures: { idmapped_mounts: true, shiftfs: false },
    osRelease: { name: 'Debian GNU/Linux', version: '12' },
  })
  return { store, environment, pools: poolRecords(store) }
}

test('clients are told what was found on this host', async () => {
  const { environment } = await makeEnvironment()
  const shown = environment.describe('p1')

  assert.deepEqual([...Value.Errors(ServerEnvironment, shown)], [])
  assert.equal(shown.project, 'p1')
  assert.deepEqual(shown.addresses, ['10.0.0.1:8443'])
  assert.equal(shown.kernel, 'Linux')
  assert.equal(shown.kernel_version, release())
  assert.equal(shown.server_name, hostname())
  assert.equal(shown.server_pid, process.pid)
  assert.equal(shown.architectures[0], machine())
  assert.equal(shown.driver_version, '5.0.2')
  assert.deepEqual(shown.lxc_features, { cgroup2: 'true', pidfd: 'false' })
  assert.deepEqual(shown.kernel_features, { idmapped_mounts: 'true', shiftfs: 'false' })
  assert.match(shown.server_version, /^5\.0\.2\+ts\./)
})

test('storage drivers are those that work here, and of these the ones in use by pools', async () => {
  const { store, environment, pools } = await makeEnvironment()
  assert.deepEqual(environment.describe('default').storage_supported_drivers, [
    { Name: 'dir', Version: '1', Remote: false },
    { Name: 'overlay', Version: '6.18', Remote: false },
  ])
  assert.equal(environment.describe('default').storage, '')

  const pool = (name: string, driver: string) =>
    pools.put({ name, driver, description: '', config: {}, phase: 'ready' }, name)
  await store.commit([pool('a', 'overlay'), pool('b', 'dir'), pool('c', 'dir')])
  const { storage, storage_version } = environment.describe('default')
  assert.deepEqual([storage, storage_version], ['dir | overlay', '1 | 6.18'])
})
