import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { ProviderKeys } from './provider-keys.ts'
import { verifyToken } from './token.ts'

const bounds = { timeout: 300, size: 64 << 10 }

interface Scene extends AsyncDisposable {
  readonly issuer: string
  readonly keys: ProviderKeys
  /** What the provider answers: by path, JSON or a way to answer. */
  readonly pages: Record<string, object | RequestListener | undefined>
  asked: number
  now: number
  verify(token: string): Promise<string>
}

async function scene(): Promise<Scene> {
  const server = createServer((request, response) => {
    made.asked++
    const page = made.pages[request.url ?? '']
    if (typeof page === 'function') {
      ;(page as RequestListener)(request, response)
      return
    }
    response.statusCode = page ? 200 : 404
    response.end(JSON.stringify(page ?? {}))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const rules = { issuer, clientId: 'c', audience: 'a', groupsClaim: undefined }
  const made: Scene = {
    issuer,
    asked: 0,
    now: Date.now(),
    pages: { '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` } },
    keys: new ProviderKeys({ issuer, bounds, now: () => made.now }),
    verify: async (token) => (await verifyToken(token, made.keys, { rules, now: made.now })).id,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return made
}

async function makeKey(kid: string): Promise<{ readonly privateKey: CryptoKey; readonly jwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }
}

const sign = ({ issuer, now }: Scene, { privateKey, jwk }: Awaited<ReturnType<typeof makeKey>>) =>
  new SignJWT({ iss: issuer, aud: 'a', sub: 'jane' })
    .setProtectedHeader({ alg: 'ES256', kid: jwk.kid! })
    .setExpirationTime(Math.floor(now / 1000) + 36_000)
    .sign(privateKey)

const minutes = 60_000

test('keys are fetched once and kept; a new one is found, one that is gone counts no more', async () => {
  await using provider = await scene()
  const [first, second] = await Promise.all([makeKey('1'), makeKey('2')])
  provider.pages['/keys'] = { keys: [first.jwk] }
  const old = await sign(provider, first)
  await Promise.all([1, 2, 3].map(() => provider.verify(old)))
  assert.equal(provider.asked, 2)

  provider.pages['/keys'] = { keys: [second.jwk] }
  const fresh = await sign(provider, second)
  // Right after the keys were read they are not asked for again, whatever comes.
  await assert.rejects(provider.verify(fresh), { kind: 'unauthorized' })
  assert.equal(provider.asked, 2)
  provider.now += 31_000
  assert.equal(await provider.verify(fresh), 'jane')
  assert.equal(provider.asked, 4)
  await assert.rejects(provider.verify(old), { kind: 'unauthorized' })
})

test('a token is refused ten minutes after its key was withdrawn, though nothing else was asked', async () => {
  await using provider = await scene()
  const key = await makeKey('1')
  provider.pages['/keys'] = { keys: [key.jwk] }
  const token = await sign(provider, key)
  await provider.verify(token)
  provider.pages['/keys'] = { keys: [] }
  // The control: until then it counts.
  provider.now += 4 * minutes
  assert.equal(await provider.verify(token), 'jane')
  provider.now += 6 * minutes
  await assert.rejects(provider.verify(token), { kind: 'unauthorized' })
})

test('a provider that is away for a while is not missed; away for longer, nobody gets in', async () => {
  await using provider = await scene()
  const key = await makeKey('1')
  provider.pages['/keys'] = { keys: [key.jwk] }
  const token = await sign(provider, key)
  await provider.verify(token)
  provider.pages['/keys'] = undefined
  provider.now += 6 * minutes
  assert.equal(await provider.verify(token), 'jane')
  provider.now += 5 * minutes
  await assert.rejects(provider.verify(token), { kind: 'unavailable' })
  // It is left alone for a moment, and then asked again.
  const { asked } = provider
  await assert.rejects(provider.verify(token), { kind: 'unavailable' })
  assert.equal(provider.asked, asked)
  provider.pages['/keys'] = { keys: [key.jwk] }
  provider.now += 6000
  assert.equal(await provider.verify(token), 'jane')
})

test('what a provider says is bounded, in time and size, and believed only where it makes sense', async () => {
  await using provider = await scene()
  const discovery = '/.well-known/openid-configuration'
  const good = provider.pages[discovery]
  const slow: RequestListener = (_request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 50)
    response.on('close', () => clearInterval(timer))
  }
  const endless: RequestListener = (_request, response) => {
    response.writeHead(200)
    const more = () => {
      while (response.write(Buffer.alloc(16 << 10, ' ')) && !response.destroyed);
    }
    response.on('drain', more)
    more()
  }
  const redirect: RequestListener = (_request, response) => {
    response.writeHead(302, { location: '/keys' }).end()
  }
  const wrong: readonly (readonly [
    object | RequestListener | undefined,
    object | RequestListener | undefined,
    RegExp,
  ])[] = [
    [undefined, {}, /status 404/],
    [redirect, { keys: [] }, /status 302/],
    [slow, {}, /no answer within 0.3 seconds/],
    [() => {}, {}, /no answer within 0.3 seconds/],
    [endless, {}, /longer than 65536 bytes/],
    [(_request, response) => void response.end('no JSON'), {}, /Cannot read/],
    [(_request, response) => void response.end('[]'), {}, /no JSON object/],
    [{ issuer: 'https://evil.example.org', jwks_uri: `${provider.issuer}/keys` }, {}, /calls itself "https:\/\/evil/],
    [{ jwks_uri: `${provider.issuer}/keys` }, {}, /calls itself missing/],
    [{ issuer: provider.issuer }, {}, /"jwks_uri" is missing/],
    [{ issuer: provider.issuer, jwks_uri: 'file:///etc/passwd' }, {}, /"jwks_uri" is "file:/],
    [{ issuer: provider.issuer, jwks_uri: 'http://192.0.2.1/keys' }, {}, /"jwks_uri" is "http:/],
    [good, endless, /longer than 65536 bytes/],
    [good, slow, /no answer within/],
    [good, { keys: Array.from({ length: 101 }, () => ({ kty: 'RSA' })) }, /at most 100 "keys"/],
    [good, {}, /at most 100 "keys"/],
  ]
  for (const [configuration, keys, message] of wrong) {
    provider.pages[discovery] = configuration
    provider.pages['/keys'] = keys
    const started = Date.now()
    const fresh = new ProviderKeys({ issuer: provider.issuer, bounds })
    const error = (await fresh.get().catch((thrown: unknown) => thrown)) as Error
    assert.match(chain(error), message)
    assert.ok(Date.now() - started < 2000)
  }
})

test('of a key set, only keys that others have the other half of are used', async () => {
  await using provider = await scene()
  const key = await makeKey('1')
  const secret = { kty: 'oct', k: Buffer.from('secret').toString('base64url'), kid: 's', alg: 'HS256' }
  provider.pages['/keys'] = { keys: [secret, null, 'x', { ...key.jwk, kid: 'enc', use: 'enc' }, key.jwk] }
  assert.equal(await provider.verify(await sign(provider, key)), 'jane')
  const forged = await new SignJWT({ iss: provider.issuer, aud: 'a', sub: 'jane' })
    .setProtectedHeader({ alg: 'HS256', kid: 's' })
    .setExpirationTime('1h')
    .sign(Buffer.from('secret'))
  await assert.rejects(provider.verify(forged), { kind: 'unauthorized' })
  const encryption = await sign(provider, { ...key, jwk: { ...key.jwk, kid: 'enc' } })
  await assert.rejects(provider.verify(encryption), { kind: 'unauthorized' })
})

function chain(error: unknown): string {
  return error instanceof Error ? `${error.message}: ${chain(error.cause)}` : ''
}
