import assert from 'node:assert/strict'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { loadServerCertificate } from './server-certificate.ts'

let directory = ''
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'certificate-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const file = (name: string) => join(directory, name)

test('the first start makes a certificate and a key that none but root can read; later ones keep them', async () => {
  const made = await loadServerCertificate(directory)

  const certificate = new X509Certificate(made.certificate)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(file('server.key')))))
  assert.equal(made.fingerprint, createHash('sha256').update(certificate.raw).digest('hex'))
  assert.equal(statSync(file('server.key')).mode & 0o777, 0o600)
  assert.equal(statSync(file('server.crt')).mode & 0o777, 0o644)
  assert.deepEqual(await loadServerCertificate(directory), made)
})

test('half a pair, as a crash may leave it, is made anew', async () => {
  const first = await loadServerCertificate(directory)
  rmSync(file('server.crt'))
  const second = await loadServerCertificate(directory)
  assert.notEqual(first.fingerprint, second.fingerprint)
  const key = createPrivateKey(readFileSync(file('server.key')))
  assert.ok(new X509Certificate(second.certificate).checkPrivateKey(key))
})

test('a certificate that can not be read is not replaced', async () => {
  await loadServerCertificate(directory)
  writeFileSync(file('server.crt'), 'broken')
  await assert.rejects(loadServerCertificate(directory), /Cannot read the server certificate/)
  assert.equal(readFileSync(file('server.crt'), 'utf8'), 'broken')
})
