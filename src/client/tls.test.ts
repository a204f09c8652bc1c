import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'

import { makeCertificate } from '#base/certificate.ts'

import { Connection } from './connection.ts'
import type { HttpsEndpoint } from './endpoint.ts'
import { connectTls, fetchServerCertificate, fingerprintOf, UntrustedServer } from './tls.ts'

const common = { organization: 'lxd', years: 1, validFrom: new Date(Date.now() - 60_000) } as const
const pairs = {
  server: makeCertificate({ ...common, commonName: 'server', hosts: ['localhost'], usage: 'server' }),
  other: makeCertificate({ ...common, commonName: 'server', hosts: ['localhost', '127.0.0.1'], usage: 'server' }),
  client: makeCertificate({ ...common, commonName: 'client', hosts: [], usage: 'client' }),
}

/** A server that shows `pair` and notes what reaches it. */
async function serve(pair = pairs.server, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') {
  const seen: { client: string | undefined; version: string | null; bytes: string[] } = {
    client: undefined,
    version: null,
    bytes: [],
  }
  const options = { key: pair.key, cert: pair.certificate, requestCert: true, rejectUnauthorized: false, maxVersion }
  const server = createServer(options, (socket: TLSSocket) => {
    socket.on('error', () => {})
    seen.client = socket.getPeerX509Certificate()?.fingerprint256
    seen.version = socket.getProtocol()
    socket.on('data', (bytes) => {
      seen.bytes.push(bytes.toString())
      socket.end('HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}')
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const endpoint: HttpsEndpoint = { kind: 'https', host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  return { endpoint, seen }
}

const raise = (cause: Error): Error => cause

test('a pinned certificate is enough, whatever names it has, and TLS 1.3 is spoken', async () => {
  const { endpoint, seen } = await serve()
  const { client, server } = pairs
  const keys = { cert: client.certificate, key: client.key }
  const socket = await connectTls({ ...endpoint, ...keys, serverCert: server.certificate }, raise)
  socket.end('x')
  await new Promise((resolve) => socket.once('close', resolve).resume())

  assert.equal(seen.version, 'TLSv1.3')
  assert.equal(seen.client, new X509Certificate(client.certificate).fingerprint256)
})

test('a server that only has TLS 1.2 is still spoken to', async () => {
  const { endpoint, seen } = await serve(pairs.server, 'TLSv1.2')
  const socket = await connectTls({ ...endpoint, serverCert: pairs.server.certificate }, raise)
  socket.end('x')
  await new Promise((resolve) => socket.once('close', resolve).resume())
  assert.equal(seen.version, 'TLSv1.2')
})

test('another certificate than the pinned one is refused by both fingerprints, before anything is sent', async () => {
  const { endpoint, seen } = await serve(pairs.other)
  const connection = new Connection({ endpoint: { ...endpoint, serverCert: pairs.server.certificate } })
  const [shown, known] = [pairs.other, pairs.server].map(({ certificate }) =>
    fingerprintOf(new X509Certificate(certificate)),
  )

  await assert.rejects(connection.get('/1.0'), (error: Error) => {
    assert.ok(error instanceof UntrustedServer)
    assert.match(error.message, new RegExp(`has changed: it shows ${shown}, known is ${known}`))
    return true
  })
  assert.deepEqual(seen.bytes, [])
})

test('without a pin a certificate that no authority signed is refused, and told', async () => {
  const { endpoint, seen } = await serve()
  await assert.rejects(connectTls(endpoint, raise), (error: Error) => {
    assert.ok(error instanceof UntrustedServer)
    assert.equal(error.certificate.toString(), pairs.server.certificate)
    assert.match(error.message, /^The certificate of "127\.0\.0\.1:\d+" is not trusted: no authority has signed it$/)
    return true
  })
  assert.deepEqual(seen.bytes, [])
})

test('an authority of our own decides where it is given, and then the name counts', async () => {
  const named = await serve(pairs.other)
  const socket = await connectTls({ ...named.endpoint, ca: pairs.other.certificate }, raise)
  socket.destroy()

  const unnamed = await serve(pairs.server)
  await assert.rejects(connectTls({ ...unnamed.endpoint, ca: pairs.server.certificate }, raise), /altnames/)
  const pinned = await connectTls(
    { ...unnamed.endpoint, ca: pairs.other.certificate, serverCert: pairs.server.certificate },
    raise,
  )
  pinned.destroy()
})

test('a pinned certificate that has expired is refused', async () => {
  const old = makeCertificate({
    ...common,
    commonName: 'old',
    hosts: [],
    usage: 'server',
    validFrom: new Date('2020-01-01T00:00:00Z'),
  })
  const { endpoint } = await serve(old)
  await assert.rejects(connectTls({ ...endpoint, serverCert: old.certificate }, raise), /has expired on 2021-01-01/)
})

test('a certificate and a key that are no pair are told, as is a key that is encrypted', async () => {
  const { endpoint } = await serve()
  const { server, client, other } = pairs
  const pinned = { ...endpoint, serverCert: server.certificate, cert: client.certificate }
  const message = /^Cannot use the client's certificate and key/
  await assert.rejects(connectTls({ ...pinned, key: other.key }, raise), { message })
  const encrypted = createPrivateKey(client.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  })
  await assert.rejects(connectTls({ ...pinned, key: String(encrypted) }, raise), { cause: 'the key is encrypted' })
})

test('a redirect is an answer like any other: it is not followed', async () => {
  const { endpoint, seen } = await serve()
  const connection = new Connection({ endpoint: { ...endpoint, serverCert: pairs.server.certificate } })
  await using reply = await connection.open('GET', '/1.0')
  assert.equal(reply.status, 302)
  assert.equal(seen.bytes.length, 1)
})

test('the certificate of a server is there to look at', async () => {
  const { endpoint } = await serve()
  assert.equal((await fetchServerCertificate(endpoint)).toString(), pairs.server.certificate)
  await assert.rejects(connectTls({ ...endpoint, serverCert: 'junk' }, raise), /Invalid remote certificate/)
  await assert.rejects(connectTls({ ...endpoint, port: 70_000 }, raise), /70000 is not a port/)
})
