import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { JWK, JWTPayload } from 'jose'
import Provider from 'oidc-provider'

/** What a user's tokens say besides who they are for. */
export interface TestUser {
  readonly email?: string
  readonly email_verified?: boolean
  readonly name?: string
  readonly groups?: readonly string[]
}

/** Users that sign in with their name, of whatever password. */
const defaultUsers: Readonly<Record<string, TestUser>> = {
  jane: { email: 'jane@example.org', email_verified: true, name: 'Jane Doe', groups: ['staff'] },
  mallory: { email: 'jane@example.org', email_verified: false, name: 'Jane Doe', groups: [] },
}

interface ProviderOptions {
  readonly users?: Readonly<Record<string, TestUser>>
  /** How long tokens hold, in seconds. */
  readonly expiry?: number
}

/**
 * A real OpenID Connect provider in this process, on loopback, with the device flow for one public client. Its access
 * tokens are JWTs with the claims `email`, `email_verified`, `name` and `groups`.
 */
export class TestProvider implements AsyncDisposable {
  readonly clientId = 'lxd-client'
  readonly audience = 'https://lxd.example.org'
  readonly groupsClaim = 'groups'
  readonly issuer: string
  /** How many requests it has had, by path. */
  readonly asked = new Map<string, number>()
  readonly #server: Server
  readonly #options: Required<ProviderOptions>
  #listener: RequestListener = () => {}
  #key: JWK = {}

  private constructor(server: Server, options: ProviderOptions) {
    this.#server = server
    this.#options = { users: defaultUsers, expiry: 600, ...options }
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => {
      const path = request.url?.split('?', 1)[0] ?? ''
      this.asked.set(path, (this.asked.get(path) ?? 0) + 1)
      this.#listener(request, response)
    })
  }

  static async start(options: ProviderOptions = {}): Promise<TestProvider> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const provider = new TestProvider(server, options)
    await provider.rotate()
    return provider
  }

  /** The server's configuration that lets users of this provider in. */
  get config(): Record<string, string> {
    return {
      'oidc.issuer': this.issuer,
      'oidc.client.id': this.clientId,
      'oidc.audience': this.audience,
      'oidc.groups.claim': this.groupsClaim,
    }
  }

  /** The key that it signs with now: both halves. */
  get key(): JWK {
    return this.#key
  }

  /** From now on it signs with another key, and lists only that. */
  async rotate(): Promise<void> {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const kid = `key-${crypto.randomUUID()}`
    this.#key = { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' }
    this.#listener = new Provider(this.issuer, this.#configuration()).callback()
  }

  /** A token such as it gives out, with other claims or none of them where asked for. */
  async sign(user: string, claims: JWTPayload = {}, key = this.#key): Promise<string> {
    const said = { ...this.#options.users[user], client_id: this.clientId, ...claims }
    const { exp = Math.floor(Date.now() / 1000) + this.#options.expiry, ...rest } = said as JWTPayload
    return await new SignJWT({ iss: this.issuer, aud: this.audience, sub: user, ...rest, exp })
      .setProtectedHeader({ alg: key.alg ?? 'ES256', typ: 'at+jwt', ...(key.kid ? { kid: key.kid } : {}) })
      .setIssuedAt()
      .sign(key)
  }

  /** Goes through the device flow, approves as `user`, and gives what the client gets. */
  async signIn(user: string): Promise<{ access_token: string; refresh_token?: string; id_token?: string }> {
    const form = { client_id: this.clientId, scope: 'openid offline_access email profile' }
    const device = (await this.#post('/device/auth', form)) as {
      device_code: string
      verification_uri_complete: string
    }
    await this.approve(device.verification_uri_complete, user)
    return (await this.#post('/token', {
      client_id: this.clientId,
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: device.device_code,
    })) as { access_token: string }
  }

  /** Does in the place of a browser what `user` does with the address that a client shows: signs in and agrees. */
  async approve(address: string, user: string): Promise<void> {
    const cookies = new Map<string, string>()
    let page = await visit(new URL(address), cookies)
    for (let step = 0; step < 10; step++) {
      const form = readForm(page)
      if (!form) return
      for (const name of form.fields.keys()) if (name === 'login' || name === 'password') form.fields.set(name, user)
      page = await visit(new URL(form.action, page.url), cookies, form.fields)
    }
    throw new Error(`the provider asks without end: ${page.text}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #post(path: string, form: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(this.issuer + path, { method: 'POST', body: new URLSearchParams(form) })
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer
  }

  #configuration(): object {
    const { users, expiry } = this.#options
    return {
      clients: [
        {
          client_id: this.clientId,
          token_endpoint_auth_method: 'none',
          application_type: 'native',
          id_token_signed_response_alg: 'ES256',
          grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
          redirect_uris: [],
          response_types: [],
        },
      ],
      jwks: { keys: [this.#key] },
      cookies: { keys: ['test'] },
      findAccount: (_context: unknown, accountId: string) => ({
        accountId,
        claims: () => ({ sub: accountId, ...users[accountId] }),
      }),
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      ttl: { AccessToken: expiry },
      issueRefreshToken: () => true,
      extraTokenClaims: (_context: unknown, token: { accountId?: string }) => users[token.accountId ?? ''],
      features: {
        deviceFlow: { enabled: true },
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => this.audience,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: '',
            audience: this.audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: expiry,
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
    }
  }
}

interface Page {
  readonly url: string
  readonly text: string
}

/** Opens a page, or sends a form, as a browser does: with cookies, and where redirections lead. */
async function visit(address: URL, cookies: Map<string, string>, form?: ReadonlyMap<string, string>): Promise<Page> {
  let url = address
  let body = form && new URLSearchParams([...form])
  for (let hop = 0; hop < 10; hop++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie },
      ...(body ? { method: 'POST', body } : {}),
    })
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const text = await response.text()
    if (!location) return { url: url.href, text }
    url = new URL(location, url)
    body = undefined
  }
  throw new Error(`${address.href} leads nowhere`)
}

/** The first form of a page and what is filled in already. */
function readForm({ text }: Page): { readonly action: string; readonly fields: Map<string, string> } | undefined {
  const [, attributes = '', inside = ''] = /<form\b([^>]*)>(.*?)<\/form>/s.exec(text) ?? []
  const action = attribute(attributes, 'action')
  if (action === undefined) return undefined
  const fields = new Map<string, string>()
  for (const [, input = ''] of inside.matchAll(/<(?:input|button)\b([^>]*)>/g)) {
    const name = attribute(input, 'name')
    if (name !== undefined && name !== 'abort') fields.set(name, attribute(input, 'value') ?? '')
  }
  return { action, fields }
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]
}
