import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeIdentity } from '#auth/fake-identity.ts'
import { stranger } from '#auth/identity.ts'
import type { Identity } from '#auth/identity.ts'
import { explain } from '#base/failure.ts'
import { decide } from './decide.ts'
import type { Asked, ProjectFacts } from './decide.ts'

/** p1 has everything to itself, p2 shares the profiles of "default". */
const projects: ProjectFacts = {
  has: (name) => ['default', 'p1', 'p2'].includes(name),
  effective: (name, feature) => (name === 'p2' && feature === 'profiles' ? 'default' : name),
}

function ask(identity: Identity, asked: Partial<Asked>): string {
  try {
    const all = { access: 'view', inPath: undefined, inQuery: undefined, allProjects: false, ...asked } as const
    return decide(identity, all, projects) ? 'trusted' : 'stranger'
  } catch (error) {
    return explain(error)
  }
}

const nobody = stranger('192.0.2.1:1')
const admin = fakeIdentity([{ role: 'admin' }])
const manager = fakeIdentity([
  { role: 'project_manager', project: 'p1' },
  { role: 'project_manager', project: 'p2' },
])
const viewer = fakeIdentity([{ role: 'viewer', project: 'p1' }])

test('strangers get what is open to them, and one answer to all else, whatever they name', () => {
  assert.equal(ask(nobody, { access: 'untrusted' }), 'stranger')
  for (const inQuery of [undefined, 'default', 'p1', 'none']) {
    assert.equal(ask(nobody, { access: 'untrusted', inQuery }), 'stranger')
    for (const access of ['authenticated', 'view', 'manage-images', 'admin', 'view-metrics'] as const) {
      assert.equal(ask(nobody, { access, inQuery, inPath: inQuery }), 'not authorized')
    }
  }
})

test('a project that a client may not view is one that is not there', () => {
  for (const name of ['p2', 'default', 'none']) {
    for (const access of ['authenticated', 'view', 'manage-containers', 'edit-project'] as const) {
      const expected = `Failed loading project "${name}": Project not found`
      assert.equal(ask(viewer, { access, inQuery: name }), expected, `${access} ${name}`)
    }
    assert.equal(ask(viewer, { access: 'view', inPath: name }), 'Project not found')
    assert.equal(ask(viewer, { access: 'edit-project', inPath: name }), 'Project not found')
    assert.equal(ask(viewer, { access: 'untrusted', inQuery: name }), 'stranger')
  }
  assert.equal(ask(viewer, {}), 'Failed loading project "default": Project not found')
})

test('who may view a project but not do what it asks is told so', () => {
  assert.equal(ask(viewer, { inQuery: 'p1' }), 'trusted')
  assert.equal(ask(viewer, { inQuery: 'p1', access: 'untrusted' }), 'trusted')
  assert.equal(ask(viewer, { inQuery: 'p1', access: 'operate-containers' }), 'not authorized')
  assert.equal(ask(manager, { inQuery: 'p1', access: 'manage-containers' }), 'trusted')
  assert.equal(ask(manager, { inPath: 'p1', access: 'edit-project' }), 'not authorized')
  assert.equal(ask(manager, { access: 'admin' }), 'not authorized')
})

test('what projects share is changed only by who may change it where it is', () => {
  assert.equal(ask(manager, { inQuery: 'p1', access: 'manage-profiles' }), 'trusted')
  assert.equal(ask(manager, { inQuery: 'p2', access: 'manage-profiles' }), 'not authorized')
  assert.equal(ask(admin, { inQuery: 'p2', access: 'manage-profiles' }), 'trusted')
})

test('a list over all projects is open to whoever is known, and left to the handler to filter', () => {
  assert.equal(ask(viewer, { allProjects: true }), 'trusted')
  assert.equal(ask(nobody, { allProjects: true }), 'not authorized')
  assert.match(ask(viewer, { allProjects: true, access: 'operate-containers' }), /Failed loading project/)
})

test('an administrator is told of a project that is not there', () => {
  for (const access of ['untrusted', 'authenticated', 'view', 'admin'] as const) {
    assert.equal(ask(admin, { access, inQuery: 'none' }), 'Failed loading project "none": Project not found')
  }
})
