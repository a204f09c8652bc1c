import { createLocalJWKSet } from 'jose'
import type { JWK, JWTVerifyGetKey } from 'jose'
import { Failure } from '#base/failure.ts'
import { isConfidential } from '#config/oidc-keys.ts'
import { fetchJson } from './fetch-json.ts'
import type { Bounds } from './fetch-json.ts'

export interface ProviderKeysOptions {
  /** The provider's URL, as `oidc.issuer` has it. */
  readonly issuer: string
  readonly now?: () => number
  readonly bounds?: Bounds
}

/** After this the keys are asked for anew while those known still count, in milliseconds. */
const freshFor = 5 * 60_000
/** After this they count no more: a provider withdraws a key by no longer listing it. */
const validFor = 10 * 60_000
/** A key nobody has heard of is looked for this often at most, whatever clients send. */
const pauseOfSearch = 30_000
/** After a failure nobody is asked again for this long. */
const pauseOfFailure = 5_000

const maxKeys = 100

interface Known {
  readonly keys: JWTVerifyGetKey
  readonly at: number
}

/** The public keys that a provider signs its tokens with, fetched when needed and kept for a while. */
export class ProviderKeys {
  readonly #issuer: string
  readonly #now: () => number
  readonly #bounds: Bounds
  #known: Known | undefined
  #failed: { readonly error: unknown; readonly at: number } | undefined
  #fetching: Promise<Known> | undefined
  #askedAt = -Infinity

  constructor({ issuer, now = Date.now, bounds = { timeout: 5000, size: 256 << 10 } }: ProviderKeysOptions) {
    this.#issuer = issuer
    this.#now = now
    this.#bounds = bounds
  }

  /** The keys. Throws an `unavailable` Failure where the provider can't be asked and what is known is too old. */
  async get(): Promise<JWTVerifyGetKey> {
    const age = this.#known ? this.#now() - this.#known.at : Infinity
    if (this.#known && age < validFor) {
      // Nobody waits for it; should it fail, the next one tries.
      if (age > freshFor) this.#fetch().catch(() => {})
      return this.#known.keys
    }
    return (await this.#fetch()).keys
  }

  /** Asks for the keys again, as one turned up that is not among them. Undefined where that was done just now. */
  async search(): Promise<JWTVerifyGetKey | undefined> {
    if (!this.#fetching && this.#now() - this.#askedAt < pauseOfSearch) return undefined
    return (await this.#fetch()).keys
  }

  /** All that need the keys at a time share one request. */
  async #fetch(): Promise<Known> {
    if (this.#failed && this.#now() - this.#failed.at < pauseOfFailure) throw unreachable(this.#failed.error)
    this.#fetching ??= this.#read().finally(() => (this.#fetching = undefined))
    return await this.#fetching
  }

  async #read(): Promise<Known> {
    this.#askedAt = this.#now()
    try {
      const keys = await fetchKeys(this.#issuer, this.#bounds)
      this.#failed = undefined
      this.#known = { keys, at: this.#now() }
      return this.#known
    } catch (error) {
      this.#failed = { error, at: this.#now() }
      throw unreachable(error)
    }
  }
}

function unreachable(cause: unknown): Failure {
  return new Failure('unavailable', 'Cannot ask the OpenID Connect provider for its keys', { cause })
}

/** OpenID Connect Discovery 1.0, section 4, and the key set that it leads to (RFC 7517). */
async function fetchKeys(issuer: string, bounds: Bounds): Promise<JWTVerifyGetKey> {
  const found = asObject(
    await fetchJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`), bounds),
  )
  if (found['issuer'] !== issuer) {
    throw new Error(`the provider calls itself ${shown(found['issuer'])}, and "oidc.issuer" is "${issuer}"`)
  }
  const where = typeof found['jwks_uri'] === 'string' ? URL.parse(found['jwks_uri']) : null
  if (!where || !isConfidential(where)) throw new Error(`the provider's "jwks_uri" is ${shown(found['jwks_uri'])}`)
  const { keys } = asObject(await fetchJson(where, bounds))
  if (!Array.isArray(keys) || keys.length > maxKeys) {
    throw new Error(`the provider's key set has no list of at most ${maxKeys} "keys"`)
  }
  const usable = keys.filter(isPublicKey)
  return createLocalJWKSet({ keys: usable })
}

/** A key of a kind that only the provider has the other half of. */
function isPublicKey(key: unknown): key is JWK {
  const { kty, use } = (typeof key === 'object' && key !== null ? key : {}) as JWK
  return ['RSA', 'EC', 'OKP'].includes(kty ?? '') && (use === undefined || use === 'sig')
}

function asObject(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('the answer is no JSON object')
  return json as Readonly<Record<string, unknown>>
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 200)
}
