import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { projectRecords } from '#store/project-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Change, Compare } from '#store/store.ts'
import { AccessStore } from './access-store.ts'
import { Groups } from './groups.ts'
import { Identities } from './identities.ts'
import { ProviderGroups } from './provider-groups.ts'

async function scene() {
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const access = new AccessStore(store)
  const projects = projectRecords(store)
  await store.commit([projects.put({ name: 'p', description: '', config: {} }, 'p')])
  /** Removes the project the way `Projects` does. */
  const removeProject = () => {
    const writes = access.moveGrants({ name: 'p' }, undefined)
    const isChange = (one: Change | Compare): one is Change => 'type' in one
    return store.commit(
      [projects.delete('p'), ...writes.filter(isChange)],
      writes.flatMap((one) => (isChange(one) ? [] : [one])),
    )
  }
  return {
    store,
    removeProject,
    projects,
    groups: new Groups({ access, events }),
    identities: new Identities({ access, events, certificates: () => [] }),
    providerGroups: new ProviderGroups({ access, events }),
  }
}

const inP = { description: '', grants: [{ role: 'operator' as const, project: 'p' }] }
const empty = { description: '', grants: [] }
const statuses = (all: readonly PromiseSettledResult<unknown>[]) => all.map(({ status }) => status)

test('nobody is left in a group that goes while they are put into it', async () => {
  for (const order of ['delete first', 'put first']) {
    const { groups, identities, providerGroups } = await scene()
    await groups.create('g', empty)
    const put = () => [
      identities.create('unix', { id: 'user:a', name: '', groups: ['g'] }),
      providerGroups.create('staff', ['g']),
    ]
    const done = await Promise.allSettled(
      order === 'put first' ? [...put(), groups.delete('g')] : [groups.delete('g'), ...put()],
    )
    const left = [...identities.list('unix'), ...providerGroups.list()].flatMap((one) => one.groups)
    assert.deepEqual([left, groups.list()], [[], []], order)
    assert.equal(statuses(done).filter((one) => one === 'rejected').length, order === 'put first' ? 0 : 2, order)
  }
})

test('no grant outlives a project that goes while it is granted', async () => {
  for (const order of ['remove first', 'grant first']) {
    const { groups, projects, removeProject } = await scene()
    const work = [removeProject, () => groups.create('g', inP)]
    await Promise.allSettled((order === 'remove first' ? work : work.toReversed()).map((one) => one()))
    const granted = groups.list().flatMap(({ grants }) => grants)
    // Either one or the other happened.
    assert.equal(projects.get('p') === undefined && granted.length > 0, false, order)
  }
})

test('a change of a group is not lost to a project that goes at the same time', async () => {
  const { groups, removeProject } = await scene()
  await groups.create('g', { description: '', grants: [{ role: 'admin' }, ...inP.grants] })
  const done = await Promise.allSettled([groups.update('g', () => empty), removeProject()])
  assert.equal(statuses(done).includes('fulfilled'), true)
  if (done[0]?.status === 'fulfilled') assert.deepEqual(groups.get('g').grants, [])
})

test('two administrators who change a group by what they saw of it do not undo each other', async () => {
  const { groups } = await scene()
  await groups.create('g', empty)
  const add = (role: 'viewer' | 'operator') =>
    groups.update('g', (group) => ({ ...group, grants: [...group.grants, { role }] }))
  await Promise.all([add('viewer'), add('operator')])
  assert.deepEqual(groups.get('g').grants, [{ role: 'viewer' }, { role: 'operator' }])
})
