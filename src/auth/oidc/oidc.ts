import { explain, Failure, kindOf } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import type { OnAuthenticationFailure } from '../admission.ts'
import type { Groups } from '../groups.ts'
import type { Identities } from '../identities.ts'
import type { Identity } from '../identity.ts'
import type { ProviderKeys } from './provider-keys.ts'
import type { TokenRules, TokenSubject } from './token.ts'

/** The server's configuration, as far as it is about the provider. */
export interface OidcSettings {
  readonly 'oidc.issuer': string | undefined
  readonly 'oidc.client.id': string | undefined
  readonly 'oidc.audience': string | undefined
  readonly 'oidc.groups.claim': string | undefined
}

export interface OidcOptions {
  readonly settings: () => OidcSettings
  readonly groups: Groups
  readonly identities: Identities
  readonly log: Log
  readonly onFailure: OnAuthenticationFailure
  readonly now?: () => number
}

/** Users of an OpenID Connect provider, who prove who they are by its tokens. */
export class Oidc {
  readonly #options: OidcOptions
  readonly #now: () => number
  #keys: { readonly issuer: string; readonly keys: ProviderKeys } | undefined

  constructor(options: OidcOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** What tokens are held to, or undefined where none is accepted. */
  rules(): TokenRules | undefined {
    const settings = this.#options.settings()
    const issuer = settings['oidc.issuer']
    const clientId = settings['oidc.client.id']
    if (!issuer || !clientId) return undefined
    const audience = settings['oidc.audience'] || undefined
    return { issuer, clientId, audience, groupsClaim: settings['oidc.groups.claim'] || undefined }
  }

  /** What a client needs to know to get a token, as LXD's clients look for it in an answer with status 401. */
  challenge(): Readonly<Record<string, string>> {
    const rules = this.rules()
    if (!rules) return {}
    return {
      'www-authenticate': 'Bearer',
      'x-lxd-oidc-issuer': rules.issuer,
      'x-lxd-oidc-clientid': rules.clientId,
      'x-lxd-oidc-audience': rules.audience ?? '',
      'x-lxd-oidc-groups-claim': rules.groupsClaim ?? '',
    }
  }

  /**
   * Who sends a request with this `Authorization`, or undefined where no provider is configured. Throws an
   * `unauthorized` Failure where the header proves nothing.
   */
  async identify(authorization: string, address: string): Promise<Identity | undefined> {
    const rules = this.rules()
    if (!rules) return undefined
    const [, token = ''] = /^Bearer(?:\s+(\S+))?\s*$/i.exec(authorization) ?? []
    if (token === '') throw new Failure('unauthorized', 'Invalid "Authorization": expected a bearer token')
    // Loaded only where there is a provider: cryptography costs megabytes.
    const [{ verifyToken }, keys] = await Promise.all([import('./token.ts'), this.#keysOf(rules.issuer)])
    const subject = await verifyToken(token, keys, { rules, now: this.#now() }).catch((error: unknown) => {
      if (kindOf(error) === 'unauthorized') {
        this.#options.onFailure({ method: 'oidc', address, reason: explain(error) })
      }
      throw error
    })
    this.#options.identities
      .note(subject.id, subject.name)
      .catch((error: unknown) => this.#options.log.error('Cannot note a user down', { error: explain(error) }))
    return this.#identity(subject, address)
  }

  #identity(subject: TokenSubject, address: string): Identity {
    const { id, groups: providerGroups, expiresAt } = subject
    const memberships = { ids: [id], providerGroups }
    const holds = () => this.#now() < expiresAt
    const granted = () => this.#options.groups.grantsFor('oidc', memberships)
    return {
      method: 'oidc',
      id,
      // Read when asked for: what is withdrawn, and a token that expires, counts at once on what is open.
      get trusted() {
        return holds()
      },
      get grants() {
        return holds() ? granted() : []
      },
      memberships,
      requestor: { username: id, protocol: 'oidc', address },
      peer: { address },
    }
  }

  /** Keys are kept for as long as the provider stays the same. */
  async #keysOf(issuer: string): Promise<ProviderKeys> {
    const { ProviderKeys } = await import('./provider-keys.ts')
    if (this.#keys?.issuer !== issuer) this.#keys = { issuer, keys: new ProviderKeys({ issuer, now: this.#now }) }
    return this.#keys.keys
  }
}
