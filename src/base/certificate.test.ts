import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { makeCertificate } from './certificate.ts'

const options = {
  organization: 'lxd',
  commonName: 'root@héros',
  hosts: ['heros', '127.0.0.1', '::1'],
  usage: 'server',
  validFrom: new Date('2026-05-06T07:08:09Z'),
  years: 10,
} as const

test('a certificate is one that others can read, signed by its own key', () => {
  const pair = makeCertificate(options)
  const certificate = new X509Certificate(pair.certificate)
  const key = createPrivateKey(pair.key)

  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(key))
  assert.equal(key.asymmetricKeyDetails?.namedCurve, 'secp384r1')
  assert.equal(certificate.subject, 'O=lxd\nCN=root@héros')
  assert.equal(certificate.issuer, certificate.subject)
  assert.equal(certificate.validFrom, 'May  6 07:08:09 2026 GMT')
  assert.equal(certificate.validTo, 'May  6 07:08:09 2036 GMT')
  assert.equal(certificate.ca, false)
  assert.equal(certificate.checkHost('heros'), 'heros')
  assert.equal(certificate.checkHost('other'), undefined)
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(certificate.checkIP('::1'), '::1')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('a client certificate says so, and needs no hosts', () => {
  const { certificate } = makeCertificate({ ...options, usage: 'client', hosts: [] })
  assert.deepEqual(new X509Certificate(certificate).keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(new X509Certificate(certificate).subjectAltName, undefined)
})

test('times beyond 2049 are written in their long form', () => {
  const { certificate } = makeCertificate({ ...options, years: 30 })
  assert.equal(new X509Certificate(certificate).validTo, 'May  6 07:08:09 2056 GMT')
})

test('each certificate has a key and a serial number of its own, and any length of content', () => {
  const hosts = Array.from({ length: 40 }, (_, index) => `host-${index}.example`)
  const [a, b] = [makeCertificate({ ...options, hosts }), makeCertificate(options)].map(
    ({ certificate }) => new X509Certificate(certificate),
  )
  assert.notEqual(a?.serialNumber, b?.serialNumber)
  assert.equal(a?.checkHost('host-39.example'), 'host-39.example')
})
