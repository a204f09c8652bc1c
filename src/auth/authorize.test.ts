import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allows } from './authorize.ts'
import type { Action } from './authorize.ts'
import { stranger } from './identity.ts'
import type { Grant } from './identity.ts'

const actions: readonly Action[] = [
  'view',
  'operate-containers',
  'manage-containers',
  'manage-images',
  'manage-networks',
  'manage-profiles',
  'manage-storage-volumes',
  'edit-project',
  'view-metrics',
  'view-server',
  'admin',
]

function allowed(grants: readonly Grant[], project?: string): readonly Action[] {
  return actions.filter((action) => allows({ grants }, action, project === undefined ? {} : { project }))
}

const manage = actions.slice(0, 7)

test('a role for the server holds for the server and in every project', () => {
  assert.deepEqual(allowed([{ role: 'admin' }], 'any'), actions)
  assert.deepEqual(allowed([{ role: 'project_manager' }], 'any'), [...manage, 'view-metrics', 'view-server'])
  assert.deepEqual(allowed([{ role: 'operator' }], 'any'), [
    'view',
    'operate-containers',
    'view-metrics',
    'view-server',
  ])
  assert.deepEqual(allowed([{ role: 'viewer' }], 'any'), ['view', 'view-metrics', 'view-server'])
})

test('a role for a project holds in that project only', () => {
  assert.deepEqual(allowed([{ role: 'admin', project: 'p' }], 'p'), actions.slice(0, 8))
  assert.deepEqual(allowed([{ role: 'project_manager', project: 'p' }], 'p'), manage)
  assert.deepEqual(allowed([{ role: 'operator', project: 'p' }], 'p'), ['view', 'operate-containers'])
  assert.deepEqual(allowed([{ role: 'viewer', project: 'p' }], 'p'), ['view'])
  for (const role of ['admin', 'project_manager', 'operator', 'viewer'] as const) {
    assert.deepEqual(allowed([{ role, project: 'p' }], 'default'), [], role)
    assert.deepEqual(allowed([{ role, project: 'p' }]), [], role)
  }
})

test('what no grant allows is denied', () => {
  assert.deepEqual(allowed([]), [])
  assert.deepEqual(allowed(stranger('192.0.2.1:1').grants, 'default'), [])
  assert.deepEqual(allowed([{ role: 'metrics' }], 'default'), ['view-metrics'])
  assert.deepEqual(allowed([{ role: 'admin' }]), ['view-metrics', 'view-server', 'admin'])
})
