/** Attacks on who is trusted, by clients that reach the API over TLS: each with a control that gets in. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { readCertificate } from '#auth/client-certificate.ts'
import { makeCertificate } from '#base/certificate.ts'
import type { CertificatePair } from '#base/certificate.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, clientCertificate, freePort } from '../api/https.ts'

let daemon: TestDaemon
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
})
after(() => daemon[Symbol.asyncDispose]())

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })
const urlOf = ({ certificate }: CertificatePair) =>
  `/1.0/certificates/${readCertificate('certificate', certificate).fingerprint}`

async function as(pair: CertificatePair, method: string, path: string, body?: unknown) {
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  const tls = { cert: pair.certificate, key: pair.key }
  const { status, body: answer } = await callHttps({ port, method, path, tls, ...text })
  return { status, error: String(answer.error), metadata: answer.metadata }
}

const isTrusted = async (pair: CertificatePair) => (await as(pair, 'GET', '/1.0')).metadata.auth === 'trusted'

async function trusted(input: object = {}): Promise<CertificatePair> {
  const pair = clientCertificate()
  await trust(pair, input)
  return pair
}

const trust = (pair: CertificatePair, input: object = {}) =>
  daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', certificate: pair.certificate, ...input } })

async function makeToken(input: object = {}): Promise<string> {
  const { body } = await daemon.call('POST', '/1.0/certificates', { body: { type: 'client', token: true, ...input } })
  const { fingerprint, secret } = body.metadata.metadata
  return Buffer.from(JSON.stringify({ fingerprint, secret })).toString('base64')
}

const admit = (pair: CertificatePair, password: string, more: object = {}) =>
  as(pair, 'POST', '/1.0/certificates', { type: 'client', password, ...more })

/** All that the audit log has. */
function readAudit(): string {
  const directory = join(daemon.directory, 'audit')
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('')
}

test('of fifty who use one token at once, one gets in', async () => {
  await set({ 'core.auth_failures_limit': '0' })
  const race = async (tokens: readonly string[]) => {
    const answers = await Promise.all(tokens.map((token) => admit(clientCertificate(), token)))
    return answers.filter(({ status }) => status === 201).length
  }
  const token = await makeToken()
  assert.equal(await race(Array.from({ length: 50 }, () => token)), 1)
  assert.equal((await admit(clientCertificate(), token)).status, 403)

  // The control: those with a token each.
  const tokens = await Promise.all(Array.from({ length: 10 }, () => makeToken()))
  assert.equal(await race(tokens), 10)
  await set({ 'core.auth_failures_limit': '' })
})

test('an expired token is worth nothing', async () => {
  await set({ 'core.remote_token_expiry': '1S' })
  const [early, late] = [await makeToken(), await makeToken()]
  assert.equal((await admit(clientCertificate(), early)).status, 201)
  await sleep(1010)
  assert.equal((await admit(clientCertificate(), late)).status, 403)
  await set({ 'core.remote_token_expiry': '' })
})

test('a token does not add what it was not made for', async () => {
  const token = await makeToken({ restricted: true, projects: ['p1'] })
  const [own, other] = [clientCertificate(), clientCertificate()]
  const more = { restricted: false, projects: [], name: 'boss' }
  // The certificate of someone who is not there to prove that the key is theirs.
  assert.match((await admit(own, token, { certificate: other.certificate })).error, /expected that of the connection/)
  for (const type of ['server', 'metrics']) assert.equal((await admit(own, token, { ...more, type })).status, 400)
  assert.equal((await admit(own, token, more)).status, 201)
  assert.equal((await as(own, 'POST', '/1.0/projects', { name: 'mine' })).status, 403)

  const free = clientCertificate()
  assert.equal((await admit(free, await makeToken())).status, 201)
  assert.equal((await as(free, 'POST', '/1.0/projects', { name: 'mine' })).status, 201)
})

test('a restricted client gets no more by changing its own entry, or that of others', async () => {
  const pair = await trusted({ name: 'r', restricted: true, projects: ['p1'] })
  const boss = await trusted()
  const entry = { name: 'r', type: 'client', restricted: true, projects: ['p1'] }
  const attempts: readonly (readonly [string, string, object, number])[] = [
    ['PUT', urlOf(pair), { ...entry, restricted: false }, 403],
    ['PUT', urlOf(pair), { ...entry, projects: ['p1', 'default'] }, 403],
    ['PUT', urlOf(pair), { ...entry, type: 'server' }, 403],
    ['PATCH', urlOf(pair), { type: 'server' }, 403],
    ['PATCH', urlOf(pair), { restricted: false }, 403],
    ['PATCH', urlOf(pair), { restricted: false, certificate: clientCertificate().certificate }, 403],
    // To take the place of an administrator, or to put itself there.
    ['PATCH', urlOf(pair), { certificate: boss.certificate }, 409],
    ['PATCH', urlOf(boss), { certificate: clientCertificate().certificate }, 404],
    ['POST', '/1.0/certificates', { type: 'client', certificate: clientCertificate().certificate }, 403],
    ['POST', '/1.0/certificates', { type: 'client', token: true }, 403],
  ]
  for (const [method, url, body, status] of attempts) {
    assert.equal((await as(pair, method, url, body)).status, status, `${method} ${JSON.stringify(body)}`)
  }
  assert.equal((await as(pair, 'DELETE', urlOf(boss))).status, 403)
  assert.equal(await isTrusted(boss), true)
  const { type, restricted, projects } = await daemon.ok('GET', urlOf(pair))
  assert.deepEqual([type, restricted, projects], ['client', true, ['p1']])
  assert.equal((await as(pair, 'GET', '/1.0/networks')).status, 404)

  // The control: an administrator may, but for the type.
  assert.equal((await as(boss, 'PATCH', urlOf(pair), { restricted: false })).status, 200)
  assert.equal((await as(pair, 'GET', '/1.0/networks')).status, 200)
  assert.equal((await as(boss, 'PATCH', urlOf(pair), { type: 'server' })).status, 403)
})

test('guessing ends soon, for the right password too, and nobody who is trusted is locked out', async () => {
  const pair = await trusted()
  await set({ 'core.trust_password': 'g9', 'core.auth_failures_limit': '6' })
  const guess = async (guesses: readonly string[]) =>
    (await Promise.all(guesses.map((one) => admit(clientCertificate(), one)))).map(({ status }) => status)
  const guesses = Array.from({ length: 10 }, (_, number) => `g${number}`)

  const heard: string[] = []
  using _ = daemon.daemon.services.events.subscribe((event) => heard.push(JSON.stringify(event)))
  const found = await guess(guesses)
  assert.deepEqual([found.filter((one) => one === 403).length, found.filter((one) => one === 429).length], [6, 4])
  assert.deepEqual(await guess(['g9', await makeToken()]), [429, 429])
  assert.equal(await isTrusted(pair), true)
  const told = (reason: string) => heard.filter((text) => text.includes(`Authentication failure: ${reason}`)).length
  assert.deepEqual([told('wrong password'), told('refused after too many failures')], [6, 6])

  // The control: without the limit, the guess is found.
  await set({ 'core.auth_failures_limit': '0' })
  assert.deepEqual(
    (await guess(guesses)).map((one, number) => (one === 201 ? number : -1)).filter((number) => number >= 0),
    [9],
  )
  await set({ 'core.trust_password': '', 'core.auth_failures_limit': '' })
})

test('a certificate that looks like a trusted one is a stranger', async () => {
  const look = {
    organization: 'test',
    commonName: 'boss',
    hosts: [],
    usage: 'client',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  } as const
  const [real, fake] = [makeCertificate(look), makeCertificate(look)]
  await trust(real)
  assert.equal(await isTrusted(real), true)
  assert.equal(await isTrusted(fake), false)
  // Sent along with one's own: the key of it was never asked for.
  assert.equal(await isTrusted({ certificate: fake.certificate + real.certificate, key: fake.key }), false)
  assert.equal(await isTrusted({ certificate: real.certificate + fake.certificate, key: real.key }), true)
  // Sent without its key.
  await assert.rejects(isTrusted({ certificate: real.certificate, key: fake.key }))
})

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/pki/${name}`, import.meta.url))
const member = (name: string): CertificatePair => ({
  certificate: readFileSync(fixture(`${name}.crt`), 'utf8'),
  key: readFileSync(fixture(`${name}.key`), 'utf8'),
})

/** Starts the daemon again, with these files for the certificate authority. */
async function withAuthority(files: Readonly<Record<string, string>>): Promise<void> {
  await daemon.close()
  for (const name of ['server.ca', 'ca.crl']) {
    const path = join(daemon.directory, name)
    rmSync(path, { force: true })
    if (files[name] !== undefined) copyFileSync(fixture(files[name]), path)
  }
  await daemon.open()
}

test('neither log nor database nor events ever have a token or a password', async () => {
  const heard: string[] = []
  using _ = daemon.daemon.services.events.subscribe((event) => heard.push(JSON.stringify(event)))
  const token = await makeToken({ name: 'telltale' })
  const { secret } = JSON.parse(Buffer.from(token, 'base64').toString()) as { secret: string }
  await set({ 'core.trust_password': 'correct horse' })
  const answers = []
  for (const proof of ['battery staple', 'correct horse', token]) answers.push(await admit(clientCertificate(), proof))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [403, 201, 201],
  )
  await set({ 'core.trust_password': '' })
  const files = ['lxd.db', 'lxd.db-wal'].map((name) => readFileSync(join(daemon.directory, 'database', name), 'latin1'))
  const all = [readAudit(), ...files, ...heard].join('\n')
  // The control: what is no secret is there.
  assert.match(all, /telltale/)
  assert.match(all, /wrong password/)
  for (const one of [token, secret, 'battery staple', 'correct horse']) assert.ok(!all.includes(one), one)
})

test('with a certificate authority nobody gets around it: not by an old entry, not by a forged name, not revoked', async () => {
  const old = await trusted()
  const restricted = member('restricted')
  await trust(restricted, { restricted: true, projects: ['p1'] })
  for (const name of ['member', 'revoked', 'impostor']) await trust(member(name))
  // The control: without the authority all are trusted.
  for (const pair of [old, restricted, member('member'), member('revoked'), member('impostor')]) {
    assert.equal(await isTrusted(pair), true)
  }

  await withAuthority({ 'server.ca': 'ca.crt', 'ca.crl': 'ca.crl' })
  assert.equal(await isTrusted(member('member')), true)
  for (const pair of [old, member('revoked'), member('impostor')]) {
    assert.equal(await isTrusted(pair), false)
    assert.equal((await as(pair, 'GET', '/1.0/instances')).status, 403)
    const token = await makeToken()
    assert.notEqual((await admit(pair, token)).status, 201)
  }
  const refused = await daemon.refused('POST', '/1.0/certificates', {
    body: { type: 'client', certificate: clientCertificate().certificate },
  })
  assert.match(refused.error, /"certificate": it is not signed by the certificate authority/)
  // A certificate of the authority that nobody added is a stranger's, until the server is told otherwise.
  await daemon.ok('DELETE', urlOf(member('member')))
  assert.equal(await isTrusted(member('member')), false)

  await set({ 'core.trust_ca_certificates': 'true' })
  assert.equal((await as(member('member'), 'GET', '/1.0/networks')).status, 200)
  // Restrictions hold all the same, and so do the conditions of the authority.
  assert.equal((await as(restricted, 'GET', '/1.0/networks')).status, 404)
  assert.equal((await as(restricted, 'GET', '/1.0/networks?project=p1')).status, 200)
  await daemon.ok('DELETE', urlOf(member('revoked')))
  for (const pair of [old, member('revoked'), member('impostor'), member('server'), member('critical')]) {
    assert.equal(await isTrusted(pair), false)
  }
  await set({ 'core.trust_ca_certificates': '' })
  await withAuthority({})
})

test('a revocation counts within seconds, on connections that are open, and without a restart', async () => {
  const pair = member('revoked')
  await trust(pair)
  await withAuthority({ 'server.ca': 'ca.crt', 'ca.crl': 'empty.crl' })
  assert.equal(await isTrusted(pair), true)
  const tls = { cert: pair.certificate, key: pair.key, rejectUnauthorized: false }
  const events = new WebSocket(`wss://127.0.0.1:${port}/1.0/events`, tls)
  events.on('error', () => {})
  await once(events, 'open')
  const closed = once(events, 'close')
  copyFileSync(fixture('ca.crl'), join(daemon.directory, 'ca.crl'))
  for (let tries = 0; await isTrusted(pair); tries++) {
    assert.ok(tries < 150, 'it counts still')
    await sleep(100)
  }
  await closed
  await withAuthority({})
  assert.equal(await isTrusted(pair), true)
})
