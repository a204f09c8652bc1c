import { setTimeout as sleep } from 'node:timers/promises'
import { forbidden } from '#base/failure.ts'
import type { Requestor } from '#events/events.ts'
import type { ClientCertificate, Fingerprint } from './client-certificate.ts'
import { secretOfToken } from './join-tokens.ts'
import type { JoinTokens } from './join-tokens.ts'
import type { Attempt, Throttle } from './throttle.ts'
import type { TrustPassword } from './trust-password.ts'
import type { TrustInput, TrustStore } from './trust-store.ts'

/** Someone tried to prove who they are, and could not. */
export interface AuthenticationFailure {
  readonly method: 'token' | 'password' | 'certificate' | 'oidc' | 'unix'
  /** `ADDRESS:PORT` of the client. */
  readonly address: string
  /** What was wrong, without anything that was sent. */
  readonly reason: string
  /** Who it would have been. */
  readonly id?: string
}

/** Where failed authentications are told, for logs. Must not throw. */
export type OnAuthenticationFailure = (failure: AuthenticationFailure) => void

export interface AdmissionOptions {
  readonly trust: Pick<TrustStore, 'add' | 'checkNew'>
  readonly tokens: Pick<JoinTokens, 'claim'>
  readonly password: Pick<TrustPassword, 'matches'>
  readonly throttle: Throttle
  readonly onFailure: OnAuthenticationFailure
}

/** A stranger who wants to be trusted. */
export interface Applicant {
  readonly certificate: ClientCertificate
  /** The text of a token, or the trust password. */
  readonly proof: string
  /** What it would be; with a token, that counts instead. */
  readonly wanted: TrustInput
  /** `ADDRESS:PORT`. */
  readonly address: string
  readonly requestor: Requestor
}

/** How strangers become trusted clients: by a token that an administrator made for them, or by the trust password. */
export class Admission {
  readonly #options: AdmissionOptions

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** Trusts the certificate of someone who proves worthy. Who fails learns nothing but that. */
  async admit(applicant: Applicant): Promise<Fingerprint> {
    const { trust } = this.#options
    const { certificate, proof, address } = applicant
    // Before the proof is looked at: what is wrong here says nothing of it, and does not count. What is wrong with the
    // wish may say which projects there are, and is told to the worthy only.
    trust.checkNew(certificate)
    const secret = secretOfToken(proof)

    const attempt = this.#begin(secret === undefined ? 'password' : 'token', address)
    if (attempt.delay > 0) await sleep(attempt.delay)
    try {
      const fingerprint =
        secret === undefined ? await this.#byPassword(applicant) : await this.#byToken(applicant, secret)
      attempt.succeeded()
      return fingerprint
    } catch (error) {
      if (!(error instanceof WrongProof)) attempt.withdraw()
      throw error instanceof WrongProof ? error.failure : error
    }
  }

  #begin(method: 'token' | 'password', address: string): Attempt {
    try {
      return this.#options.throttle.begin(hostOf(address))
    } catch (error) {
      this.#options.onFailure({ method, address, reason: 'refused after too many failures' })
      throw error
    }
  }

  async #byToken({ certificate, address, requestor }: Applicant, secret: string): Promise<Fingerprint> {
    const { trust, tokens } = this.#options
    const claim = tokens.claim(secret)
    if (!claim) throw this.#wrong('token', address, 'No matching certificate add operation found')
    try {
      const fingerprint = await trust.add(certificate, { ...claim.request, type: 'client' }, requestor)
      claim.used()
      return fingerprint
    } catch (error) {
      claim.giveBack()
      throw error
    }
  }

  async #byPassword({ certificate, proof, wanted, address, requestor }: Applicant): Promise<Fingerprint> {
    const { trust, password } = this.#options
    if (!(await password.matches(proof))) throw this.#wrong('password', address, 'not authorized')
    return await trust.add(certificate, wanted, requestor)
  }

  #wrong(method: 'token' | 'password', address: string, message: string): WrongProof {
    this.#options.onFailure({ method, address, reason: `wrong ${method}` })
    return new WrongProof(message)
  }
}

/** A proof that was looked at and found wrong. */
class WrongProof extends Error {
  readonly failure

  constructor(message: string) {
    super(message)
    this.failure = forbidden(message)
  }
}

/** The address without its port: `192.0.2.1:1`, `[2001:db8::1]:1`. */
export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
