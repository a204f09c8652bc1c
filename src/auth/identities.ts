import { badRequest, conflict, forbidden, notFound } from '#base/failure.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { IdentityRecord } from '#store/identity-record.ts'
import type { AccessStore, OnAccessChange } from './access-store.ts'
import { nameSet } from './group-names.ts'

type Method = IdentityRecord['method']

/** How identities can be proved, which is the first half of what they are found by. */
export const identityMethods: readonly Method[] = ['oidc', 'tls', 'unix']

/** What the trust store tells of a certificate. */
export interface TrustedCertificate {
  readonly fingerprint: string
  readonly name: string
  /** PEM. */
  readonly certificate: string
  readonly type: 'client' | 'metrics' | 'server'
  readonly restricted: boolean
}

/** Someone who may use the API. */
export interface KnownIdentity extends IdentityRecord {
  /** LXD's name of the kind of identity, such as `OIDC client`. */
  readonly type: string
  /** PEM; empty where it is no certificate. */
  readonly certificate: string
}

interface IdentitiesOptions {
  readonly access: AccessStore
  readonly events: Events
  readonly certificates: () => readonly TrustedCertificate[]
  readonly onChange?: OnAccessChange
}

const maxId = 255
const maxName = 255
const minFingerprint = 12
/** How many users of a provider are noted down when they first come. Those that are declared don't count. */
const maxNoted = 10_000

/** Everyone the server knows: declared local users and groups, trusted certificates, users of the identity provider. */
export class Identities {
  readonly #access: AccessStore
  readonly #events: Events
  readonly #certificates: IdentitiesOptions['certificates']
  readonly #onChange: OnAccessChange | undefined

  constructor(options: IdentitiesOptions) {
    this.#access = options.access
    this.#events = options.events
    this.#certificates = options.certificates
    this.#onChange = options.onChange
  }

  list(method?: Method): readonly KnownIdentity[] {
    const methods = method === undefined ? identityMethods : [method]
    return methods.flatMap((one) => {
      if (one === 'tls') return this.#certificates().map((certificate) => this.#ofCertificate(certificate))
      return this.#access.identities.list(one).map(({ value }) => known(value))
    })
  }

  get(method: Method, id: string): KnownIdentity {
    if (method === 'tls') {
      const [certificate, other] = this.#certificates().filter(({ fingerprint }) => isMeant(fingerprint, id))
      if (certificate && !other) return this.#ofCertificate(certificate)
    } else {
      const found = this.#access.identities.get(method, id)
      if (found) return known(found.value)
    }
    throw notFound('Identity not found')
  }

  /** Declares someone before they were ever seen. Certificates come by the trust store. */
  async create(method: Method, input: Omit<IdentityRecord, 'method'>, requestor?: Requestor): Promise<void> {
    checkId(method, input.id)
    if (input.name.length > maxName) throw badRequest(`Invalid "name": longer than ${maxName} characters`)
    await this.#access.commit(() => {
      if (this.#access.identities.get(method, input.id)) throw conflict(`Identity "${input.id}" already exists`)
      return this.#put({ method, ...input })
    })
    this.#tell('identity-created', { method, id: input.id }, requestor)
  }

  /** Puts someone into the groups that `change` gives. What it is given is still true when that is written. */
  async update(
    method: Method,
    id: string,
    change: (identity: KnownIdentity) => readonly string[],
    requestor?: Requestor,
  ): Promise<void> {
    await this.#access.commit(() => {
      const identity = this.get(method, id)
      const groups = change(identity)
      if (groups.length > 0 && method === 'tls' && !identity.type.startsWith('Client')) {
        throw badRequest(`Invalid "groups": a ${identity.type.toLowerCase()} can be in none`)
      }
      return this.#put({ method, id: identity.id, name: identity.name, groups })
    })
    this.#tell('identity-updated', { method, id }, requestor)
  }

  async delete(method: Method, id: string, requestor?: Requestor): Promise<void> {
    checkId(method, id)
    await this.#access.commit(() => {
      this.get(method, id)
      return { changes: [this.#access.identities.delete(method, id)] }
    })
    this.#tell('identity-deleted', { method, id }, requestor)
  }

  /** Notes down a user of the identity provider who has come, so that they can be given groups. */
  async note(id: string, name: string): Promise<void> {
    const known = this.#access.identities.get('oidc', id)?.value
    const shown = name.slice(0, maxName)
    if (known ? known.name === shown || shown === '' : this.#access.identities.list('oidc').length >= maxNoted) return
    await this.#access.commit(() => {
      const groups = this.#access.identities.get('oidc', id)?.value.groups ?? []
      return { changes: [this.#access.identities.put({ method: 'oidc', id, name: shown, groups }, 'oidc', id)] }
    })
    if (!known) this.#tell('identity-created', { method: 'oidc', id })
  }

  #ofCertificate({ fingerprint, name, certificate, type, restricted }: TrustedCertificate): KnownIdentity {
    const groups = this.#access.identities.get('tls', fingerprint)?.value.groups ?? []
    const kind = { client: 'Client', metrics: 'Metrics', server: 'Server' }[type]
    const bounds = type === 'server' ? '' : restricted ? ' (restricted)' : ' (unrestricted)'
    return { method: 'tls', id: fingerprint, name, groups, certificate, type: `${kind} certificate${bounds}` }
  }

  #put(record: IdentityRecord) {
    const groups = nameSet(record.groups)
    this.#access.checkGroups(groups)
    return { changes: [this.#access.identities.put({ ...record, groups }, record.method, record.id)] }
  }

  #tell(action: string, { method, id }: Pick<IdentityRecord, 'method' | 'id'>, requestor?: Requestor): void {
    const source = `/1.0/auth/identities/${method}/${encodeURIComponent(id)}`
    this.#onChange?.(requestor, action, source)
    this.#events.lifecycle({ action, source, requestor })
  }
}

function known(record: IdentityRecord): KnownIdentity {
  const local = record.id.startsWith('g') ? 'Local group' : 'Local user'
  return { ...record, certificate: '', type: record.method === 'oidc' ? 'OIDC client' : local }
}

/** Fingerprints may be cut short, as lists show them. */
function isMeant(fingerprint: string, id: string): boolean {
  return fingerprint === id || (id.length >= minFingerprint && fingerprint.startsWith(id))
}

/** The greatest id of a user or group; the one above stands for none. */
const maxNumber = 2 ** 32 - 2

function checkId(method: Method, id: string): void {
  if (method === 'tls') throw forbidden('Certificates are added to and removed from the trust store')
  if (id === '' || id.length > maxId || /\p{Cc}/u.test(id)) {
    throw badRequest(`Invalid "id": expected 1 to ${maxId} characters, none of them a control character`)
  }
  if (method === 'unix') checkLocal(id)
}

function checkLocal(id: string): void {
  const [, kind, which = ''] = /^(user|group|uid|gid):(.*)$/.exec(id) ?? []
  const numeric = kind === 'uid' || kind === 'gid'
  if (numeric ? /^(0|[1-9]\d{0,9})$/.test(which) && Number(which) <= maxNumber : isAccountName(which)) return
  throw badRequest(
    `Invalid "id" "${id}": expected user:NAME, group:NAME, uid:NUMBER or gid:NUMBER, as the host knows them`,
  )
}

/** Names that fit into passwd(5) and group(5) and are no option. Directory services allow more than local ones. */
function isAccountName(name: string): boolean {
  return /^[^\s:,/-][^\s:,/]*$/.test(name)
}
