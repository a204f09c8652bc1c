import assert from 'node:assert/strict'
import test from 'node:test'
import { merge } from './apply-preseed.ts'
import { readPreseed } from './preseed.ts'

const nothing = { config: {}, networks: [], pools: [], profiles: [], projects: [] }

test('a preseed without anything changes nothing', async () => {
  for (const text of ['', '{}', 'config:\nnetworks: []\ncluster: null\n']) {
    assert.deepEqual(await readPreseed(text), nothing)
  }
})

test('values keep the spelling they were written in', async () => {
  const { config } = await readPreseed('config: {a: 010, b: yes, c: 1e3, d: "x", e: }')
  assert.deepEqual(config, { a: '010', b: 'yes', c: '1e3', d: 'x', e: '' })
})

test('every kind of entity is read', async () => {
  const preseed = await readPreseed(`
    storage_pools: [{name: p, driver: dir, config: {source: /srv}}]
    networks: [{name: n, type: bridge, project: x, description: d}]
    profiles: [{name: default, devices: {root: {type: disk, path: /}}}]
    projects: [{name: x, config: {features.images: false}}]`)
  assert.deepEqual(preseed.pools, [{ name: 'p', description: undefined, config: { source: '/srv' }, type: 'dir' }])
  assert.deepEqual(preseed.networks, [{ name: 'n', description: 'd', config: {}, type: 'bridge', project: 'x' }])
  assert.deepEqual(preseed.profiles[0]?.devices, { root: { type: 'disk', path: '/' } })
  assert.deepEqual(preseed.projects[0]?.config, { 'features.images': 'false' })
})

const refused: readonly (readonly [text: string, message: RegExp])[] = [
  ['foo: 1', /field foo not found in preseed/],
  ['networks: [{name: n, driver: x}]', /field driver not found in networks\[0\]/],
  ['networks: {}', /"networks" must be a list/],
  ['config: []', /"config" must be a mapping/],
  ['config: {a: [1]}', /"config.a" must be a text/],
  ['profiles: [{config: {}}]', /"profiles\[0\].name" must be given/],
  ['profiles: [{name: p, devices: {root: /}}]', /"profiles\[0\].devices.root" must be a mapping/],
  ['cluster: {enabled: true}', /clusters are not supported/],
  ['a: b: c', /Failed to parse the preseed/],
]

for (const [text, message] of refused) {
  test(`the preseed "${text}" is refused with the place of its mistake`, async () => {
    await assert.rejects(readPreseed(text), message)
  })
}

test('what is wanted goes on top of what is there, key by key', () => {
  const current = { config: { a: '1', b: '2' }, description: 'old', devices: { eth0: { type: 'nic', network: 'x' } } }
  const wanted = { name: 'default', config: { b: '3' }, devices: { eth0: { network: 'y' }, root: { type: 'disk' } } }
  assert.deepEqual(merge(current, wanted), {
    config: { a: '1', b: '3' },
    description: 'old',
    devices: { eth0: { type: 'nic', network: 'y' }, root: { type: 'disk' } },
  })
})
