import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeCertificate } from '#base/certificate.ts'
import { checkValidity, commonNameOf, readCertificate } from './client-certificate.ts'

const fixture = (name: string) => readFileSync(new URL(`../../tests/fixtures/pki/${name}`, import.meta.url), 'utf8')
const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
const pemOf = (der: Buffer) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`

test('a certificate is the same as PEM and in base64, with text around it and without', () => {
  const pem = fixture('member.crt')
  const der = derOf(pem)
  const fingerprint = createHash('sha256').update(der).digest('hex')
  for (const text of [
    pem,
    pem.trim(),
    pem.replaceAll('\n', '\r\n'),
    `subject: CN=member\n${pem}`,
    der.toString('base64'),
  ]) {
    const read = readCertificate('certificate', text)
    assert.deepEqual([read.fingerprint, commonNameOf(read), read.x509.toString()], [fingerprint, 'member', pem])
  }
  assert.equal(commonNameOf(readCertificate('certificate', fixture('rsa.crt'))), 'rsa')
})

test('keys that are weak or of another world are refused', () => {
  for (const [name, message] of [
    ['weak.crt', 'Invalid "certificate": RSA key is too weak (minimum of 2048bit)'],
    ['curve.crt', 'Invalid "certificate": expected a key on P-256, P-384 or P-521, found the curve secp256k1'],
  ] as const) {
    assert.throws(() => readCertificate('certificate', fixture(name)), { message, kind: 'bad-request' })
  }
})

test('whatever bytes come, a certificate is read or a Failure names the field', () => {
  const der = derOf(fixture('member.crt'))
  let read = 0
  for (let at = 0; at < der.length; at++) {
    const broken = Buffer.from(der)
    broken[at] = (broken[at] ?? 0) ^ 0xff
    for (const bytes of [broken, der.subarray(0, at)]) {
      try {
        readCertificate('here', pemOf(bytes))
        read++
      } catch (error) {
        assert.match((error as Error).message, /^Invalid "here": /)
      }
    }
  }
  // The control: what is not structure may be anything.
  assert.ok(read > 0)
})

test('a certificate counts from its first to its last day', () => {
  const validFrom = new Date('2020-01-01T00:00:00Z')
  const made = { organization: 'o', commonName: 'c', hosts: [], usage: 'client', validFrom, years: 1 } as const
  const certificate = readCertificate('c', makeCertificate(made).certificate)
  checkValidity('c', certificate, Date.parse('2020-06-01T00:00:00Z'))
  assert.throws(() => checkValidity('c', certificate, Date.parse('2019-12-31T23:59:59Z')), /isn't valid yet/)
  assert.throws(() => checkValidity('c', certificate, Date.parse('2021-01-01T00:00:01Z')), /is expired/)
})
