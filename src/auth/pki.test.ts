import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLog } from '#base/log.ts'
import { readCertificate } from './client-certificate.ts'
import { Pki } from './pki.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../../tests/fixtures/pki/${name}`, import.meta.url))
const certificate = (name: string) => readCertificate('certificate', readFileSync(fixture(`${name}.crt`), 'utf8'))

let directory = ''
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'pki-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const put = (name: string, as: string) => copyFileSync(fixture(name), join(directory, as))
const load = (now?: () => number) => Pki.load({ directory, log: silentLog, ...(now ? { now } : {}) })

test('without an authority there is nothing to belong to', async () => {
  const pki = await load()
  assert.equal(pki.enabled, false)
  for (const name of ['member', 'impostor', 'rsa']) assert.equal(pki.reasonAgainst(certificate(name)), undefined, name)
})

test('with one, certificates must be of it, for clients, and not revoked', async () => {
  put('ca.crt', 'server.ca')
  put('ca.crl', 'ca.crl')
  const pki = await load()
  assert.equal(pki.enabled, true)
  for (const [name, reason] of [
    ['member', undefined],
    ['restricted', undefined],
    ['revoked', 'it has been revoked'],
    ['server', 'it is not one for clients'],
    ['critical', 'it has a critical extension that is not known'],
    ['impostor', 'it is not signed by the certificate authority of the server'],
    ['rsa', 'it is not signed by the certificate authority of the server'],
    ['other-ca', 'it is not signed by the certificate authority of the server'],
  ] as const) {
    assert.equal(pki.reasonAgainst(certificate(name)), reason, name)
  }
  assert.throws(() => pki.check(certificate('revoked')), { message: 'Invalid "certificate": it has been revoked' })
})

test('an authority that is out of date vouches for nobody', async () => {
  put('ca.crt', 'server.ca')
  const pki = await load(() => Date.parse('2200-01-01T00:00:00Z'))
  assert.match(pki.reasonAgainst(certificate('member')) ?? '', /not signed/)
})

test('files that change count from the next look on', async () => {
  put('ca.crt', 'server.ca')
  put('empty.crl', 'ca.crl')
  const pki = await load()
  const revoked = certificate('revoked')
  assert.equal(pki.reasonAgainst(revoked), undefined)
  await pki.refresh()
  assert.equal(pki.reasonAgainst(revoked), undefined)
  put('ca.crl', 'ca.crl')
  await pki.refresh()
  assert.equal(pki.reasonAgainst(revoked), 'it has been revoked')
})

test('files that can not be read let nobody in', async () => {
  put('ca.crt', 'server.ca')
  const pki = await load()
  for (const broken of ['', 'nonsense', readFileSync(fixture('ca.crl'), 'utf8').slice(0, 300)]) {
    writeFileSync(join(directory, 'ca.crl'), broken)
    await pki.refresh()
    assert.equal(pki.enabled, true)
    assert.match(pki.reasonAgainst(certificate('member')) ?? '', /can not be read/)
    await assert.rejects(load(), /ca\.crl/)
  }
  put('ca.crl', 'ca.crl')
  await pki.refresh()
  assert.equal(pki.reasonAgainst(certificate('member')), undefined)
})

test('a list that someone else signed is refused, and so is an authority that is none', async () => {
  put('ca.crt', 'server.ca')
  put('other-ca.crl', 'ca.crl')
  await assert.rejects(load(), /not signed by the certificate authority/)
  rmSync(join(directory, 'ca.crl'))
  put('member.crt', 'server.ca')
  await assert.rejects(load(), /none of an authority/)
})

test('several authorities count alike, each with its own list', async () => {
  const both = (a: string, b: string) => readFileSync(fixture(a), 'utf8') + readFileSync(fixture(b), 'utf8')
  writeFileSync(join(directory, 'server.ca'), both('ca.crt', 'other-ca.crt'))
  writeFileSync(join(directory, 'ca.crl'), both('ca.crl', 'other-ca.crl'))
  const pki = await load()
  assert.equal(pki.reasonAgainst(certificate('member')), undefined)
  assert.equal(pki.reasonAgainst(certificate('impostor')), undefined)
  assert.equal(pki.reasonAgainst(certificate('revoked')), 'it has been revoked')
})
