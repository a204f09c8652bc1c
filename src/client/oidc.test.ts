import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'

import { Connection } from './connection.ts'
import { OidcSession, type OidcTokens } from './oidc.ts'

type Handler = (path: string, form: URLSearchParams, headers: Readonly<Record<string, string>>) => Reply
type Reply = { readonly status?: number; readonly headers?: Record<string, string>; readonly body: unknown }

async function listen(handler: Handler, on: { readonly socket?: string } = {}): Promise<string> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const headers = request.headers as Record<string, string>
      const {
        status = 200,
        headers: own = {},
        body: answer,
      } = handler(request.url!, new URLSearchParams(body), headers)
      response.writeHead(status, own).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => {
    if (on.socket === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(on.socket, resolve)
  })
  after(() => server.close().closeAllConnections())
  return on.socket ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A provider that lets a user in after `waits` answers that say to wait, and grants refreshes by `refresh`. */
async function provider({ waits = [], refresh }: { waits?: string[]; refresh?: Record<string, unknown> } = {}) {
  const asked: string[] = []
  let url = ''
  let count = 0
  url = await listen((path, form) => {
    if (form.size > 0) asked.push(form.get('grant_type')?.split(':').at(-1) ?? path)
    if (path === '/.well-known/openid-configuration') {
      const body = { issuer: url, device_authorization_endpoint: `${url}/device`, token_endpoint: `${url}/token` }
      return { body }
    }
    if (path === '/device') {
      assert.equal(form.get('audience'), 'lxd')
      assert.match(form.get('scope')!, /^openid offline_access .* groups$/)
      const codes = { device_code: 'secret', user_code: 'ABCD-EFGH', interval: 0.01, expires_in: 60 }
      return { body: { ...codes, verification_uri: `${url}/activate` } }
    }
    assert.equal(form.get('client_id'), 'us')
    if (form.get('grant_type') === 'refresh_token')
      return { status: refresh ? 200 : 400, body: refresh ?? { error: 'no' } }
    const error = waits.shift()
    if (error !== undefined) return { status: 400, body: { error, error_description: `because ${error}` } }
    return { body: { access_token: `t${++count}`, refresh_token: `r${count}`, expires_in: 3600 } }
  })
  return { url, asked }
}

let sockets = 0

/** A server that lets in who has one of these tokens and names the provider to others. */
async function server(issuer: string, good: Set<string>) {
  const seen: string[] = []
  const socket = `/tmp/oidc-test-${process.pid}-${sockets++}`
  await listen(
    (path, _, { authorization = '' }) => {
      seen.push(`${path} ${authorization}`)
      if (good.has(authorization.replace('Bearer ', ''))) return { body: { type: 'sync', metadata: 'in' } }
      const headers = { 'X-LXD-OIDC-issuer': issuer, 'X-LXD-OIDC-clientid': 'us', 'X-LXD-OIDC-audience': 'lxd' }
      const body = { type: 'error', error: 'not authorized', error_code: 401 }
      return { status: 401, headers: { ...headers, 'X-LXD-OIDC-groups-claim': 'groups' }, body }
    },
    { socket },
  )
  return { seen, endpoint: { kind: 'unix', path: socket } as const }
}

/** A user whose tokens are kept in memory. */
function user(kept?: OidcTokens) {
  const state = { kept, asked: [] as string[] }
  const options = {
    load: () => state.kept,
    save: (tokens: OidcTokens) => void (state.kept = tokens),
    ask: ({ url, code }: { url: string; code: string }) => void state.asked.push(`${new URL(url).pathname} ${code}`),
    pace: 0.01,
  }
  const session = new OidcSession(options)
  return { state, session: async () => session }
}

test('who has no token is asked to confirm a code, once, and comes in', async () => {
  const { url, asked } = await provider({ waits: ['authorization_pending', 'slow_down'] })
  const { endpoint, seen } = await server(url, new Set(['t1']))
  const { state, session } = user()
  const connection = new Connection({ endpoint, session })

  assert.deepEqual(await Promise.all([connection.get('/1.0'), connection.get('/1.0/x')]), ['in', 'in'])
  assert.equal(await connection.get('/1.0/y'), 'in')
  assert.deepEqual(state.asked, ['/activate ABCD-EFGH'])
  assert.deepEqual(asked, ['/device', 'device_code', 'device_code', 'device_code'])
  assert.deepEqual(seen.at(-1), '/1.0/y Bearer t1')
  assert.equal(state.kept?.refresh_token, 'r1')
})

const old = (issuer: string): OidcTokens => ({
  issuer,
  client_id: 'us',
  audience: 'lxd',
  access_token: 'old',
  refresh_token: 'again',
  expiry: '2020-01-01T00:00:00Z',
})

test('a token that has worn off is renewed without a word', async () => {
  const { url, asked } = await provider({ refresh: { access_token: 'renewed', expires_in: 60 } })
  const { endpoint } = await server(url, new Set(['renewed']))
  const { state, session } = user(old(url))
  const connection = new Connection({ endpoint, session })

  const chunks = (async function* () {
    yield Buffer.from('a stream that can only be sent once')
  })()
  assert.equal((await connection.send('POST', '/1.0/images', { chunks })).metadata, 'in')
  assert.deepEqual([state.asked, asked], [[], ['refresh_token']])
  assert.equal(state.kept?.refresh_token, 'again')
  assert.ok(Date.parse(state.kept!.expiry!) > Date.now())
})

test('what is asked once only, an upgrade for one, has a token that holds', async () => {
  const { url } = await provider({ refresh: { access_token: 'renewed', expires_in: 60 } })
  const { endpoint, seen } = await server(url, new Set(['renewed']))
  const connection = new Connection({ endpoint, session: user(old(url)).session })
  assert.equal((await connection.authorization())['Authorization'], 'Bearer renewed')
  const asked = seen.length
  await connection.authorization()
  assert.equal(seen.length, asked)
})

test('a refresh token that does no more is followed by a question', async () => {
  const { url, asked } = await provider()
  const { endpoint } = await server(url, new Set(['t1']))
  const { state, session } = user(old(url))
  assert.equal(await new Connection({ endpoint, session }).get('/1.0'), 'in')
  assert.deepEqual([state.asked.length, asked], [1, ['refresh_token', '/device', 'device_code']])
})

test('tokens of one provider are never shown to another that a server names', async () => {
  const { url, asked } = await provider({ refresh: { access_token: 'renewed' } })
  const { endpoint } = await server(url, new Set(['t1']))
  const { session } = user(old('https://provider.example'))
  assert.equal(await new Connection({ endpoint, session }).get('/1.0'), 'in')
  assert.deepEqual(asked, ['/device', 'device_code'])
})

test('a token that another process has got in the meantime is taken', async () => {
  const { url, asked } = await provider()
  const { endpoint } = await server(url, new Set(['other']))
  const { state, session } = user(old(url))
  state.kept = { ...old(url), access_token: 'other' }
  assert.equal(await new Connection({ endpoint, session }).get('/1.0'), 'in')
  assert.deepEqual(asked, [])
})

test('a refusal by the user, the provider or the server is told', async () => {
  const denied = await provider({ waits: ['access_denied'] })
  const first = await server(denied.url, new Set())
  await assert.rejects(
    new Connection({ endpoint: first.endpoint, session: user().session }).get('/1.0'),
    /The provider refuses: because access_denied/,
  )

  const granted = await provider()
  const second = await server(granted.url, new Set())
  await assert.rejects(
    new Connection({ endpoint: second.endpoint, session: user().session }).get('/1.0'),
    /not authorized/,
  )
  assert.equal(second.seen.length, 2)
})

test('a provider that is reached in the clear, or is not who it says, is refused', async () => {
  for (const [issuer, message] of [
    ['http://provider.example', /issuer is no https URL/],
    ['file:///etc/passwd', /issuer is no https URL/],
  ] as const) {
    const { endpoint } = await server(issuer, new Set())
    await assert.rejects(new Connection({ endpoint, session: user().session }).get('/1.0'), message)
  }
  const { url } = await provider()
  const { endpoint } = await server(`${url}/`, new Set())
  await assert.rejects(new Connection({ endpoint, session: user().session }).get('/1.0'), /says it is another one/)
})
