import assert from 'node:assert/strict'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { makeCertificate } from '#base/certificate.ts'
import { ServerIdentity } from './server-certificate.ts'

let directory = ''
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'certificate-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const file = (name: string) => join(directory, name)
const load = async () => (await ServerIdentity.load(directory)).current

test('the first start makes a certificate and a key that none but root can read; later ones keep them', async () => {
  const made = await load()

  const certificate = new X509Certificate(made.certificate)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(file('server.key')))))
  assert.equal(made.fingerprint, createHash('sha256').update(certificate.raw).digest('hex'))
  assert.equal(statSync(file('server.key')).mode & 0o777, 0o600)
  assert.equal(statSync(file('server.crt')).mode & 0o777, 0o644)
  assert.deepEqual(await load(), made)
})

test('half a pair, as a crash may leave it, is made anew', async () => {
  const first = await load()
  rmSync(file('server.crt'))
  const second = await load()
  assert.notEqual(first.fingerprint, second.fingerprint)
  const key = createPrivateKey(readFileSync(file('server.key')))
  assert.ok(new X509Certificate(second.certificate).checkPrivateKey(key))
})

test('a certificate that can not be read is not replaced', async () => {
  await load()
  writeFileSync(file('server.crt'), 'broken')
  await assert.rejects(load(), /Cannot read the server certificate/)
  assert.equal(readFileSync(file('server.crt'), 'utf8'), 'broken')
})

test('a certificate whose key is missing is not replaced', async () => {
  const { certificate } = await load()
  rmSync(file('server.key'))
  await assert.rejects(load(), /server.key" of the server certificate is missing/)
  assert.equal(readFileSync(file('server.crt'), 'utf8'), certificate)
})

test('what was put in its place is read again; what can not be used is not', async () => {
  const identity = await ServerIdentity.load(directory)
  const first = identity.current
  assert.equal(await identity.reload(), false)
  const made = makeCertificate({
    organization: 'o',
    commonName: 'c',
    hosts: ['lxd.example.org'],
    usage: 'server',
    validFrom: new Date(),
    years: 1,
  })
  writeFileSync(file('server.crt'), made.certificate)
  await assert.rejects(identity.reload(), /is not that of the server certificate/)
  assert.equal(identity.current, first)
  writeFileSync(file('server.key'), made.key)
  assert.equal(await identity.reload(), true)
  assert.equal(identity.current.certificate, made.certificate)
})
