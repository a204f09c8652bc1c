import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { badRequest, Failure } from '#base/failure.ts'
import type { Config } from '#config/config.ts'
import type { Warnings } from '#warnings/warnings.ts'

const name = 'core.trust_password'

/** What is shown in its place, and therefore can't be told from it. */
const hidden = 'true'

const maxLength = 1024

/** N, r and p of scrypt (RFC 7914): 32 MiB of memory and about a tenth of a second. */
const cost = { N: 2 ** 15, r: 8, p: 1 }
const saltBytes = 32
const hashBytes = 32

/** How many passwords may wait to be looked at: one takes a while. */
const maxWaiting = 50

/** A change of the server's configuration, as far as it matters here. */
interface Change {
  readonly before: Config
  readonly after: Config
}

/** The one password that adds clients which know it: deprecated in LXD, kept for clients that know no tokens. */
export class TrustPassword {
  readonly #stored: () => string | undefined
  readonly #warnings: Pick<Warnings, 'raise' | 'resolve'>
  #turn: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** `stored` gives what `seal` made of the password that is set now. */
  constructor(options: {
    readonly stored: () => string | undefined
    readonly warnings: Pick<Warnings, 'raise' | 'resolve'>
  }) {
    this.#stored = options.stored
    this.#warnings = options.warnings
  }

  /** Its say in changes of the server's configuration: what is stored is a hash. */
  readonly part = {
    keys: [name],
    check({ before, after }: Change): void {
      const password = after[name] ?? ''
      if (before[name] === undefined && password === hidden) {
        throw badRequest(`Invalid server configuration: "${name}": expected another password than "${hidden}"`)
      }
      if (password.length > maxLength) {
        throw badRequest(`Invalid server configuration: "${name}": expected at most ${maxLength} characters`)
      }
    },
    seal: async ({ after }: Change): Promise<Config> => {
      const password = after[name]
      return password === undefined ? {} : { [name]: await seal(password) }
    },
    apply: ({ before, after }: Change) => {
      this.#warn(after[name] !== undefined)
      return { undo: () => this.#warn(before[name] !== undefined) }
    },
  }

  /** Warns of a password that was set in an earlier run. */
  start(): void {
    this.#warn(this.#stored() !== undefined)
  }

  /** Whether this is the password. Looks at one at a time; throws an unavailable Failure where too many wait. */
  async matches(password: string): Promise<boolean> {
    const stored = this.#stored()
    if (stored === undefined || password === '' || password.length > maxLength) return false
    if (this.#waiting >= maxWaiting) throw new Failure('unavailable', 'Too many authentications at once')
    this.#waiting += 1
    const mine = this.#turn.then(() => opens(stored, password))
    this.#turn = mine.catch(() => {})
    try {
      return await mine
    } finally {
      this.#waiting -= 1
    }
  }

  #warn(set: boolean): void {
    if (!set) this.#warnings.resolve('Trust password is in use')
    else {
      this.#warnings.raise({
        type: 'Trust password is in use',
        message: `"${name}" is set: whoever learns the password becomes administrator. Unset it and add clients with tokens (lxc config trust add)`,
      })
    }
  }
}

/** A hash to store in the place of a password: `scrypt:N:r:p:SALT:HASH`, the last two in base64. */
export async function seal(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const hash = await derive(password, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64'), hash.toString('base64')].join(':')
}

/** Whether `password` is what `sealed` was made from. */
export async function opens(sealed: string, password: string): Promise<boolean> {
  const [kind, n, r, p, salt = '', hash = ''] = sealed.split(':')
  const expected = Buffer.from(hash, 'base64')
  if (kind !== 'scrypt' || expected.length !== hashBytes) return false
  const found = await derive(password, Buffer.from(salt, 'base64'), { N: Number(n), r: Number(r), p: Number(p) })
  return timingSafeEqual(found, expected)
}

async function derive(password: string, salt: Buffer, { N, r, p }: typeof cost): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const options = { N, r, p, maxmem: 256 * N * r }
  scrypt(password.normalize('NFC'), salt, hashBytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  return await promise
}
