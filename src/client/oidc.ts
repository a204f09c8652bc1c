// Who a user is, by the word of an OpenID Connect provider: tokens by the
// device flow (RFC 8628), renewed with refresh tokens (RFC 6749 section 6).
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'

import { badRequest, Failure, unavailable } from '#base/failure.ts'

import { readText, type Session } from './connection.ts'

/** The provider a server goes by, as it says in answers with status 401. */
export interface OidcProvider {
  readonly issuer: string
  readonly clientId: string
  readonly audience: string
  /** The claim that the server reads groups from, which is also the name of the scope. */
  readonly groupsClaim: string
}

/** Tokens and where they are from: to no other provider is any of them shown. */
export interface OidcTokens {
  readonly issuer: string
  readonly client_id: string
  readonly audience: string
  readonly access_token: string
  readonly refresh_token?: string
  /** RFC 3339. */
  readonly expiry?: string
}

export interface OidcOptions {
  /** What is kept from the last time. */
  readonly load: () => OidcTokens | undefined
  readonly save: (tokens: OidcTokens) => void
  /** Has the user open a page and confirm a code there. */
  readonly ask: (request: { readonly url: string; readonly code: string }) => void
  /** Milliseconds between two questions are multiplied by this; tests are in a hurry. */
  readonly pace?: number
}

/** Milliseconds the provider has for an answer, and bytes the answer may have. */
const PATIENCE = 15_000
const MAX_ANSWER = 1024 * 1024

/** Milliseconds before its end in which a token isn't used any more. */
const MARGIN = 10_000

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** A user's session with one server. */
export class OidcSession implements Session {
  readonly #options: OidcOptions
  #tokens: OidcTokens | undefined
  #renewal: Promise<void> | undefined

  constructor(options: OidcOptions) {
    this.#options = options
    this.#tokens = options.load()
  }

  headers(): Readonly<Record<string, string>> {
    // Without a token the server answers with what provider it wants one from.
    return { Authorization: `Bearer ${this.#tokens?.access_token ?? ''}`.trim(), 'X-LXD-oidc': 'true' }
  }

  get fresh(): boolean {
    const end = Date.parse(this.#tokens?.expiry ?? '')
    return this.#tokens !== undefined && (Number.isNaN(end) || end - MARGIN > Date.now())
  }

  /** Gets another token than the one the server has refused. Several that wait get the same. */
  async renew(answer: ReadonlyMap<string, string>): Promise<boolean> {
    const provider = readProvider(answer)
    if (provider === undefined) return false
    this.#renewal ??= this.#renew(provider).finally(() => (this.#renewal = undefined))
    await this.#renewal
    return true
  }

  async #renew(provider: OidcProvider): Promise<void> {
    // Another process may have been here.
    const kept = this.#options.load()
    const other = kept !== undefined && kept.access_token !== this.#tokens?.access_token && isFrom(kept, provider)
    this.#tokens = other ? kept : await this.#request(provider)
    if (!other) this.#options.save(this.#tokens)
  }

  async #request(provider: OidcProvider): Promise<OidcTokens> {
    const endpoints = await discover(provider.issuer)
    const refresh =
      this.#tokens !== undefined && isFrom(this.#tokens, provider) ? this.#tokens.refresh_token : undefined
    if (refresh !== undefined) {
      const answer = await post(endpoints.token, {
        grant_type: 'refresh_token',
        client_id: provider.clientId,
        refresh_token: refresh,
      })
      // One that has been used up, or withdrawn, is no reason to give up: the user can be asked.
      if (answer.error === undefined) return tokensOf(provider, answer, refresh)
    }
    return await askUser(provider, endpoints, this.#options)
  }
}

function isFrom(tokens: OidcTokens, { issuer, clientId, audience }: OidcProvider): boolean {
  return tokens.issuer === issuer && tokens.client_id === clientId && tokens.audience === audience
}

/** Undefined where the server doesn't go by a provider. */
function readProvider(answer: ReadonlyMap<string, string>): OidcProvider | undefined {
  const [issuer, clientId] = [answer.get('x-lxd-oidc-issuer'), answer.get('x-lxd-oidc-clientid')]
  if (!issuer || !clientId) return undefined
  const [audience = '', groupsClaim = ''] = ['audience', 'groups-claim'].map((name) => answer.get(`x-lxd-oidc-${name}`))
  return { issuer, clientId, audience, groupsClaim }
}

interface Endpoints {
  readonly device: string
  readonly token: string
}

/** Reads where the provider is asked for what (OpenID Connect Discovery 1.0). */
async function discover(issuer: string): Promise<Endpoints> {
  const url = `${checkUrl(issuer, 'issuer').replace(/\/+$/, '')}/.well-known/openid-configuration`
  const document = await ask(url)
  if (document['issuer'] !== issuer) throw unavailable(`The provider "${issuer}" says it is another one`)
  return {
    device: checkUrl(document['device_authorization_endpoint'], 'device_authorization_endpoint'),
    token: checkUrl(document['token_endpoint'], 'token_endpoint'),
  }
}

/** Secrets go over TLS, or don't leave the machine. */
function checkUrl(text: unknown, what: string): string {
  const url = typeof text === 'string' ? URL.parse(text) : null
  const local = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url?.protocol !== 'https:' && !local) throw badRequest(`The provider's ${what} is no https URL`)
  return String(text)
}

async function askUser(provider: OidcProvider, endpoints: Endpoints, options: OidcOptions): Promise<OidcTokens> {
  const { clientId, audience, groupsClaim } = provider
  const scope = ['openid', 'offline_access', 'profile', 'email', groupsClaim].filter(Boolean).join(' ')
  const given = await post(endpoints.device, { client_id: clientId, scope, ...(audience === '' ? {} : { audience }) })
  const { device_code, user_code, verification_uri, verification_uri_complete } = given
  if (typeof device_code !== 'string' || typeof user_code !== 'string') throw refusal(given)
  const url = checkUrl(verification_uri_complete ?? verification_uri, 'verification_uri')

  options.ask({ url, code: user_code })
  const pace = options.pace ?? 1
  let interval = numberOr(given['interval'], 5)
  for (const end = Date.now() + numberOr(given['expires_in'], 600) * 1000; Date.now() < end;) {
    await delay(interval * 1000 * pace)
    const answer = await post(endpoints.token, { grant_type: DEVICE_GRANT, client_id: clientId, device_code })
    if (answer.error === undefined) return tokensOf(provider, answer)
    if (answer.error === 'slow_down') interval += 5
    else if (answer.error !== 'authorization_pending') throw refusal(answer)
  }
  throw new Failure('unauthorized', 'Nobody has confirmed the code in time')
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value > 0 && value < 86_400 ? value : otherwise
}

function tokensOf(provider: OidcProvider, answer: Answer, refreshBefore?: string): OidcTokens {
  const { access_token, refresh_token = refreshBefore, expires_in } = answer
  if (typeof access_token !== 'string' || !/^[\x21-\x7e]+$/.test(access_token)) {
    throw unavailable('The provider has sent no token')
  }
  const { issuer, clientId, audience } = provider
  return {
    issuer,
    client_id: clientId,
    audience,
    access_token,
    ...(typeof refresh_token === 'string' ? { refresh_token } : {}),
    ...(typeof expires_in === 'number' ? { expiry: new Date(Date.now() + expires_in * 1000).toISOString() } : {}),
  }
}

interface Answer extends Readonly<Record<string, unknown>> {
  readonly error?: string
}

function refusal({ error, error_description }: Answer): Failure {
  const why =
    typeof error_description === 'string' ? error_description : String(error ?? 'no answer that could be read')
  return new Failure('unauthorized', `The provider refuses: ${why}`)
}

async function post(url: string, form: Readonly<Record<string, string>>): Promise<Answer> {
  return (await ask(url, form)) as Answer
}

/** The JSON object at `url`. Redirects are not followed: what is sent is for nobody else. */
async function ask(url: string, form?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, unknown>>> {
  // As for the servers themselves, the machine's authorities count and not those that came with Node.
  if (url.startsWith('https:'))
    setDefaultCACertificates([...getCACertificates('system'), ...getCACertificates('extra')])
  try {
    const reply = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
      headers: { Accept: 'application/json' },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    })
    const document = JSON.parse(await readText(reply.body ?? empty(), MAX_ANSWER)) as unknown
    if (typeof document === 'object' && document !== null) return document as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw unavailable(`Cannot ask the provider at "${new URL(url).host}"`, { cause })
  }
  throw unavailable(`The provider at "${new URL(url).host}" does not answer with an object`)
}

async function* empty(): AsyncGenerator<Uint8Array> {}
