import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { makeCertificate } from '#base/certificate.ts'
import type { CertificateRecord } from '#store/certificate-record.ts'
import { toClientCertificate } from './client-certificate.ts'
import type { Grant } from './identity.ts'
import { grantsOfCertificate, RemoteClients } from './remote-clients.ts'

const start = Date.parse('2030-01-01T00:00:00Z')

function makeClients() {
  const { certificate } = makeCertificate({
    organization: 'o',
    commonName: 'c',
    hosts: [],
    usage: 'client',
    validFrom: new Date(start),
    years: 1,
  })
  const own = toClientCertificate(new X509Certificate(certificate))
  const socket = Object.assign(new Socket(), { getPeerX509Certificate: () => own.x509 })
  const state = {
    now: start + 1000,
    record: undefined as CertificateRecord | undefined,
    groups: [] as readonly Grant[],
    authority: { enabled: false, reason: undefined as string | undefined, trusted: false },
    refused: [] as string[],
  }
  const clients = new RemoteClients({
    trust: { get: (fingerprint) => (fingerprint === own.fingerprint ? state.record : undefined) },
    groups: { grantsFor: (_method, { ids }) => (ids.includes(own.fingerprint) ? state.groups : []) },
    pki: {
      get enabled() {
        return state.authority.enabled
      },
      reasonAgainst: () => state.authority.reason,
    },
    trustAuthority: () => state.authority.trusted,
    onRefused: ({ reason }) => state.refused.push(reason),
    now: () => state.now,
  })
  const record: CertificateRecord = {
    fingerprint: own.fingerprint,
    type: 'client',
    name: 'c',
    certificate,
    restricted: false,
    projects: [],
  }
  return { state, record, identify: () => clients.identify(socket, '192.0.2.1:5') }
}

test('a certificate nobody knows, or none, is a stranger', () => {
  const { identify } = makeClients()
  const { method, id, trusted, grants } = identify()
  assert.deepEqual([method, id, trusted, grants], ['none', '', false, []])
})

test('what a certificate is trusted with', () => {
  const { record } = makeClients()
  const bounds = { restricted: true, projects: ['a', 'b'] }
  for (const [said, grants] of [
    [{}, [{ role: 'admin' }]],
    [{ projects: ['a'] }, [{ role: 'admin' }]],
    [
      bounds,
      [
        { role: 'project_manager', project: 'a' },
        { role: 'project_manager', project: 'b' },
      ],
    ],
    [{ restricted: true }, []],
    [{ type: 'metrics' }, [{ role: 'metrics' }]],
    [
      { type: 'metrics', ...bounds },
      [
        { role: 'metrics', project: 'a' },
        { role: 'metrics', project: 'b' },
      ],
    ],
    [{ type: 'server' }, []],
  ] as const) {
    assert.deepEqual(grantsOfCertificate({ ...record, ...said }), grants)
  }
})

test('groups add to what a client has, and to what certificates of other types have nothing', () => {
  const { state, record, identify } = makeClients()
  state.groups = [{ role: 'viewer' }]
  state.record = { ...record, restricted: true }
  assert.deepEqual(identify().grants, [{ role: 'viewer' }])
  for (const type of ['metrics', 'server'] as const) {
    state.record = { ...record, type }
    const { trusted, grants } = identify()
    assert.equal(trusted, false)
    assert.ok(!grants.some(({ role }) => role === 'viewer'))
  }
})

test('an identity loses its grants while it is held, as a websocket holds it', () => {
  const { state, record, identify } = makeClients()
  state.record = record
  const held = identify()
  assert.deepEqual(held.grants, [{ role: 'admin' }])
  state.record = { ...record, restricted: true, projects: ['a'] }
  assert.deepEqual(held.grants, [{ role: 'project_manager', project: 'a' }])
  state.record = undefined
  assert.deepEqual(held.grants, [])
})

test('a certificate counts within its dates only, trusted or not, and it is told of once', () => {
  const { state, record, identify } = makeClients()
  state.record = record
  const held = identify()
  state.now = start - 1000
  assert.equal(identify().trusted, false)
  state.now = Date.parse('2031-06-01T00:00:00Z')
  assert.equal(identify().trusted, false)
  assert.deepEqual(held.grants, [])
  assert.deepEqual(state.refused, ["it isn't valid yet"])
})

test('being of the authority is a condition beside the others, and enough only where that is said', () => {
  const { state, record, identify } = makeClients()
  state.authority = { enabled: true, reason: 'it has been revoked', trusted: true }
  assert.equal(identify().trusted, false)
  state.record = record
  assert.equal(identify().trusted, false)
  state.authority = { enabled: true, reason: undefined, trusted: false }
  assert.equal(identify().trusted, true)
  state.record = undefined
  assert.equal(identify().trusted, false)
  state.authority = { enabled: true, reason: undefined, trusted: true }
  assert.deepEqual(identify().grants, [{ role: 'admin' }])
  state.record = { ...record, restricted: true, projects: ['a'] }
  assert.deepEqual(identify().grants, [{ role: 'project_manager', project: 'a' }])
  // Where there is no authority, the key alone trusts nobody.
  state.authority = { enabled: false, reason: undefined, trusted: true }
  state.record = undefined
  assert.equal(identify().trusted, false)
})
