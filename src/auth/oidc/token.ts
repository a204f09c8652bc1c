import { errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { Failure } from '#base/failure.ts'
import type { ProviderKeys } from './provider-keys.ts'

/** What a provider's tokens are held to. */
export interface TokenRules {
  readonly issuer: string
  readonly clientId: string
  readonly audience: string | undefined
  readonly groupsClaim: string | undefined
}

/** Who a token is for. */
export interface TokenSubject {
  /** The e-mail address, where the provider has verified it; else the subject. */
  readonly id: string
  readonly name: string
  readonly groups: readonly string[]
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** Signatures by a private key of the provider's only: what a client could make itself is not among them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** How far the provider's clock may be from ours, in seconds. */
const clockTolerance = 10
const maxGroups = 1000
const maxId = 255

/**
 * Verifies a token (RFC 7519) as one that the provider made, for this server, and that still holds. Throws an
 * `unauthorized` Failure where it isn't, an `unavailable` one where that can't be told.
 */
export async function verifyToken(
  token: string,
  keys: ProviderKeys,
  { rules, now }: { readonly rules: TokenRules; readonly now: number },
): Promise<TokenSubject> {
  const verify = async (getKey: JWTVerifyGetKey) => {
    const { payload } = await jwtVerify(token, getKey, {
      algorithms,
      issuer: rules.issuer,
      requiredClaims: ['exp', 'iss', 'sub'],
      clockTolerance,
      currentDate: new Date(now),
    })
    return payload
  }
  const payload = await verify(await keys.get()).catch(async (error: unknown) => {
    const fresh = error instanceof errors.JWKSNoMatchingKey ? await keys.search() : undefined
    if (!fresh) throw invalid(error)
    return await verify(fresh).catch((again: unknown) => {
      throw invalid(again)
    })
  })
  checkAudience(payload, rules)
  return subjectOf(payload, rules)
}

/** A token for someone else is no token: whoever it was meant for could come in with it. */
function checkAudience({ aud, azp, client_id }: JWTPayload, { audience, clientId }: TokenRules): void {
  const audiences = Array.isArray(aud) ? aud : [aud]
  const isOurs =
    audience === undefined
      ? audiences.includes(clientId) || azp === clientId || client_id === clientId
      : audiences.includes(audience)
  if (!isOurs) throw invalid(new Error('it is made out for another audience'))
}

function subjectOf(payload: JWTPayload, { groupsClaim }: TokenRules): TokenSubject {
  const { sub = '', exp = 0, email, email_verified, name } = payload
  // An address that anyone may claim is no proof of anything.
  const id = typeof email === 'string' && email_verified === true && email !== '' ? email : sub
  if (id === '' || id.length > maxId || /\p{Cc}/u.test(id)) throw invalid(new Error('its subject is not usable'))
  const listed = groupsClaim !== undefined && Object.hasOwn(payload, groupsClaim) ? payload[groupsClaim] : []
  const groups = Array.isArray(listed) ? listed.filter((group) => typeof group === 'string').slice(0, maxGroups) : []
  return { id, name: typeof name === 'string' ? name : '', groups, expiresAt: (exp + clockTolerance) * 1000 }
}

function invalid(cause: unknown): Failure {
  // The library names what is wrong, never what is in the token.
  return new Failure('unauthorized', 'Invalid token', { cause })
}
