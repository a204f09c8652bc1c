import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeCertificate } from '#base/certificate.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { projectRecords } from '#store/project-record.ts'
import type { Change, Compare } from '#store/store.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { AccessStore } from './access-store.ts'
import { toClientCertificate } from './client-certificate.ts'
import { certificatesOfProject, TrustStore } from './trust-store.ts'

async function makeTrust() {
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const heard: unknown[] = []
  events.subscribe(({ metadata, project }) => heard.push([metadata, project]))
  const access = new AccessStore(store)
  const told: string[] = []
  const trust = new TrustStore({ store, access, events, onChange: (_who, action) => told.push(action) })
  const projects = projectRecords(store)
  const project = { name: 'p', description: '', config: {} }
  await store.commit([projects.put(project, 'p')])
  return { store, trust, access, projects, project, heard, told }
}

function certificate() {
  const made = makeCertificate({
    organization: 'o',
    commonName: 'someone\u0007',
    hosts: [],
    usage: 'client',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  })
  return toClientCertificate(new X509Certificate(made.certificate))
}

const input = { name: '', type: 'client', restricted: true, projects: ['p', 'p'] }

test('each change is one event about the server, and one line for the audit log', async () => {
  const { trust, heard, told } = await makeTrust()
  const [one, other] = [certificate(), certificate()]
  await trust.add(one, input)
  const record = trust.get(one.fingerprint)
  assert.deepEqual([record?.name, record?.projects], ['someone', ['p']])
  await trust.update(trust.list()[0]!, { ...input, name: 'x' }, { certificate: other })
  assert.equal(trust.get(one.fingerprint), undefined)
  await trust.delete(trust.list()[0]!)
  const url = (fingerprint: string) => `/1.0/certificates/${fingerprint}`
  assert.deepEqual(heard, [
    [{ action: 'certificate-created', source: url(one.fingerprint) }, ''],
    [{ action: 'certificate-updated', source: url(other.fingerprint) }, ''],
    [{ action: 'certificate-deleted', source: url(other.fingerprint) }, ''],
  ])
  assert.deepEqual(told, ['certificate-created', 'certificate-updated', 'certificate-deleted'])
})

test('a weak key is refused however the certificate came', async () => {
  const { trust } = await makeTrust()
  for (const name of ['weak', 'curve']) {
    const text = readFileSync(new URL(`../../tests/fixtures/pki/${name}.crt`, import.meta.url))
    await assert.rejects(trust.add(toClientCertificate(new X509Certificate(text)), input), {
      kind: 'bad-request',
      message: /^Invalid "certificate": /,
    })
  }
  assert.deepEqual(trust.list(), [])
})

test('of two changes made from the same state, one is refused', async () => {
  const { trust } = await makeTrust()
  const one = certificate()
  const added = await Promise.allSettled([trust.add(one, input), trust.add(one, input)])
  assert.deepEqual(
    added.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  const [before] = trust.list()
  const changed = await Promise.allSettled([
    trust.update(before!, { ...input, restricted: false }, {}),
    trust.delete(before!),
  ])
  assert.deepEqual(
    changed.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('a project that goes while a certificate is given it takes that along, or stays', async () => {
  const { store, trust, access, projects, project } = await makeTrust()
  const belongings = certificatesOfProject(store)
  const remove = () => {
    const all = [...access.moveGrants(project, undefined), ...belongings(project, undefined)]
    const changes = all.filter((one): one is Change => 'type' in one)
    const compare = all.filter((one): one is Compare => !('type' in one))
    return store.commit([projects.delete('p'), ...changes], compare)
  }
  for (const first of ['add', 'remove']) {
    const added = certificate()
    const add = () => trust.add(added, input)
    await Promise.allSettled(first === 'add' ? [add(), remove()] : [remove(), add()])
    for (const { value } of trust.list()) assert.ok(projects.get('p') || value.projects.length === 0)
    if (!projects.get('p')) await store.commit([projects.put(project, 'p')])
  }
})
