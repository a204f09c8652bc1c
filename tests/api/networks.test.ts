import { fakeIdentity } from '#auth/fake-identity.ts'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { routes } from '#api/all.ts'
import { makeRouter } from '#api/router.ts'
import type { Services } from '#api/services.ts'
import { silentAudit } from '#audit/silent-audit.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { FakeDaemons } from '#host/fake-daemons.ts'
import { FakeLinks } from '#host/fake-links.ts'
import { FakeNft } from '#host/nft.ts'
import { FakeSysctls } from '#host/sysctls.ts'
import { Networks } from '#networks/networks.ts'
import { noPolicy } from '#projects/policy/fake-policy.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { complaints } from './surface.ts'

const requestor = { username: 'root', protocol: 'unix', address: '@' }

async function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'api-'))
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const heard: Event[] = []
  events.subscribe((event) => heard.push(event))
  const links = new FakeLinks()
  links.add('eth0', { hardware: true })
  const networks = new Networks({
    policy: noPolicy(store),
    store,
    events,
    directory,
    links,
    log: silentLog,
    nft: new FakeNft(),
    sysctls: new FakeSysctls(),
    daemons: new FakeDaemons(),
    releaseDhcp: async () => {},
    account: { user: 'nobody', group: 'nogroup' },
  })
  const app = makeRouter({
    routes,
    services: { networks, policy: { allowsNetwork: () => true } } as unknown as Services,
    log: silentLog,
    audit: silentAudit,
    ready: () => true,
    identify: async () => ({ ...fakeIdentity([{ role: 'admin' }]), requestor }),
    projects: { has: () => true, effective: (name) => name },
  })
  t.after(async () => {
    await app.close()
    await store[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })
  const call = async (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, etag = '') => {
    const headers = { 'content-type': 'application/json', ...(etag === '' ? {} : { 'if-match': etag }) }
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
    const reply = await app.inject({ method, url: `/1.0/networks${path}`, headers, ...payload })
    const { metadata, error } = reply.json<{ metadata: never; error: string }>()
    return { status: reply.statusCode, metadata, error, headers: reply.headers }
  }
  return { call, heard }
}

const config = { 'ipv4.address': '10.1.1.1/24', 'ipv6.address': 'fd42::1/64' }

test('a network is made, shown, changed, renamed and deleted', async (t) => {
  const { call, heard } = await setUp(t)
  const made = await call('POST', '', { name: 'br0', config })
  assert.equal(made.status, 201)
  assert.equal(made.headers['location'], '/1.0/networks/br0')

  assert.deepEqual((await call('GET', '')).metadata, ['/1.0/networks/br0', '/1.0/networks/lo', '/1.0/networks/eth0'])
  assert.equal((await call('PATCH', '/br0', { config: { 'ipv4.nat': 'true' } })).status, 200)
  assert.equal((await call('PUT', '/br0', { description: 'ours', config })).status, 200)
  assert.deepEqual((await call('GET', '/br0')).metadata, {
    name: 'br0',
    type: 'bridge',
    description: 'ours',
    config,
    managed: true,
    status: 'Created',
    used_by: [],
    locations: ['none'],
  })
  assert.equal((await call('POST', '/br0', { name: 'br1' })).headers['location'], '/1.0/networks/br1')
  assert.equal((await call('DELETE', '/br1')).status, 200)
  assert.deepEqual(
    heard.map(({ metadata, project }) => [(metadata as { action: string }).action, project]),
    [
      ['network-created', 'default'],
      ['network-updated', 'default'],
      ['network-updated', 'default'],
      ['network-renamed', 'default'],
      ['network-deleted', 'default'],
    ],
  )
  assert.deepEqual((heard[0]!.metadata as { requestor: object }).requestor, requestor)
})

test('every reply has the shape LXD gives it', async (t) => {
  const { call } = await setUp(t)
  await call('POST', '', { name: 'br0', config })
  for (const [path, type] of [
    ['', 's[]'],
    ['?recursion=1', 'Network[]'],
    ['/br0', 'Network'],
    ['/eth0', 'Network'],
    ['/br0/state', 'NetworkState'],
    ['/lo/state', 'NetworkState'],
    ['/br0/leases', 'NetworkLease[]'],
  ] as const) {
    const { status, metadata } = await call('GET', path)
    assert.equal(status, 200, path)
    assert.deepEqual(complaints(type, metadata), [], path)
  }
})

test('a patch changes what it names, and an empty value unsets a key', async (t) => {
  const { call } = await setUp(t)
  await call('POST', '', { name: 'br0', description: 'ours', config: { ...config, 'user.a': '1' } })
  await call('PATCH', '/br0', { config: { 'user.b': '2' } })
  await call('PATCH', '/br0', { config: { 'user.a': '' } })
  const { metadata } = await call('GET', '/br0')
  assert.deepEqual((metadata as { config: object }).config, { ...config, 'user.b': '2' })
  assert.equal((metadata as { description: string }).description, 'ours')
})

test('a change of what has changed meanwhile is refused', async (t) => {
  const { call } = await setUp(t)
  await call('POST', '', { name: 'br0', config })
  const etag = String((await call('GET', '/br0')).headers['etag'])

  assert.equal((await call('PUT', '/br0', { config, description: 'first' }, etag)).status, 200)
  assert.equal((await call('PUT', '/br0', { config, description: 'second' }, etag)).status, 412)
  assert.equal((await call('PATCH', '/br0', { description: 'second' }, etag)).status, 412)
  assert.equal(((await call('GET', '/br0')).metadata as { description: string }).description, 'first')
})

test('what is wrong is said with its status', async (t) => {
  const { call } = await setUp(t)
  await call('POST', '', { name: 'br0', config })
  const small = { 'ipv4.address': '10.2.2.1/24', 'ipv6.address': 'none' }
  await call('POST', '', { name: 'br1', config: small })
  for (const [request, status, error] of [
    [call('POST', '', { name: '' }), 400, /No name provided/],
    [call('POST', '', { name: 'br0' }), 400, /The network already exists/],
    [call('POST', '', { name: 'a/b' }), 400, /Invalid network name/],
    [call('POST', '', { name: 'br2', config: { 'ipv4.nat': 'ture' } }), 400, /"ipv4.nat".*expected true or false/],
    [call('POST', '', { name: 'br2', config: [] }), 400, /"config" must be an object/],
    [call('PUT', '/br0', { config: { 'ipv4.adress': 'x' } }), 400, /nearest known key is "ipv4.address"/],
    [call('PUT', '/eth0', { config: {} }), 404, /Network not found/],
    [call('GET', '/nope'), 404, /Network not found/],
    [call('GET', '/..%2f..%2fx/state'), 404, /not found/],
    [call('GET', '/eth0/leases'), 404, /Network not found/],
    [call('POST', '/br0', { name: 'br1' }), 409, /already exists/],
    [call('DELETE', '/nope'), 404, /Network not found/],
  ] as const) {
    const reply = await request
    assert.equal(reply.status, status, String(error))
    assert.match(reply.error, error)
  }
})
