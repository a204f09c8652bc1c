import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { makeClientKeys } from './client-keys.ts'
import { readClientKeys, readServerCertificate } from './credentials.ts'

const base = mkdtempSync(join(tmpdir(), 'client-keys-'))
after(() => rmSync(base, { recursive: true }))

let count = 0
const fresh = (): string => join(base, String(count++))

test('they are made for their owner alone, and fit', async () => {
  const directory = fresh()
  assert.equal(readClientKeys(directory), undefined)
  await makeClientKeys(directory)

  const keys = readClientKeys(directory)!
  const certificate = new X509Certificate(keys.cert)
  assert.ok(certificate.checkPrivateKey(createPrivateKey(keys.key)))
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1')
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(directory).sort(), ['client.crt', 'client.key'])
  for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600)
})

test('of many at once one makes them and all find the same', async () => {
  const directory = fresh()
  const found = await Promise.all(
    Array.from({ length: 8 }, async () => {
      await makeClientKeys(directory)
      return readClientKeys(directory)
    }),
  )
  for (const keys of found) assert.deepEqual(keys, found[0])
  assert.deepEqual(readdirSync(directory).sort(), ['client.crt', 'client.key'])
})

test('a key that a crash left without its certificate is replaced', async () => {
  const directory = fresh()
  await makeClientKeys(directory)
  const before = readClientKeys(directory)
  rmSync(join(directory, 'client.crt'))
  utimesSync(join(directory, 'client.key'), 0, 0)

  await makeClientKeys(directory)
  const keys = readClientKeys(directory)!
  assert.notEqual(keys.key, before?.key)
  assert.ok(new X509Certificate(keys.cert).checkPrivateKey(createPrivateKey(keys.key)))
})

test('a certificate and a key of different pairs are left for the user to sort out', async () => {
  const [directory, other] = [fresh(), fresh()]
  await makeClientKeys(directory)
  await makeClientKeys(other)
  writeFileSync(join(directory, 'client.key'), readClientKeys(other)!.key)
  await assert.rejects(makeClientKeys(directory), /do not belong together/)
})

test('no remote has a certificate outside of its directory', async () => {
  const directory = fresh()
  await makeClientKeys(directory)
  assert.equal(readServerCertificate(directory, '../client'), undefined)
})
