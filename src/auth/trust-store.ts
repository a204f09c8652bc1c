import { badRequest, conflict, forbidden } from '#base/failure.ts'
import type { Events, Requestor } from '#events/events.ts'
import { certificateRecords, certificateTypes } from '#store/certificate-record.ts'
import type { CertificateRecord, CertificateType } from '#store/certificate-record.ts'
import { projectRecords } from '#store/project-record.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import type { Stored } from '#store/records.ts'
import type { Change, Store } from '#store/store.ts'
import type { AccessStore } from './access-store.ts'
import { checkKey, checkValidity, commonNameOf } from './client-certificate.ts'
import type { ClientCertificate, Fingerprint } from './client-certificate.ts'

/** What is said of a certificate besides what is in it. */
export interface TrustInput {
  readonly name: string
  readonly type: string
  readonly restricted: boolean
  readonly projects: readonly string[]
}

export interface TrustStoreOptions {
  readonly store: Store
  /** What serialises this with groups, and with projects that come and go. */
  readonly access: Pick<AccessStore, 'commit' | 'moveCertificate'>
  readonly events: Events
  /** Throws a bad-request Failure where a certificate could never be used: it is not of the authority. */
  readonly checkIssuer?: (certificate: ClientCertificate) => void
  /** Told of each change, for the audit log. */
  readonly onChange?: (requestor: Requestor | undefined, action: string, fingerprint: string) => void
  readonly now?: () => number
}

interface Commit {
  readonly before?: Stored<CertificateRecord>
  readonly after?: CertificateRecord
  readonly requestor: Requestor | undefined
}

const maxName = 255
const maxProjects = 1000

/** The certificates this server trusts, and what each is trusted with. */
export class TrustStore {
  readonly #options: TrustStoreOptions
  readonly #records
  readonly #projects

  constructor(options: TrustStoreOptions) {
    this.#options = options
    this.#records = certificateRecords(options.store)
    this.#projects = projectRecords(options.store)
  }

  get(fingerprint: Fingerprint): CertificateRecord | undefined {
    return this.#records.get(fingerprint)?.value
  }

  list(): readonly Stored<CertificateRecord>[] {
    return this.#records.list()
  }

  /** Trusts a certificate. */
  async add(certificate: ClientCertificate, input: TrustInput, requestor?: Requestor): Promise<Fingerprint> {
    this.checkNew(certificate)
    await this.#commit({ after: recordOf(certificate, { ...input, type: readType(input.type) }), requestor })
    return certificate.fingerprint
  }

  /**
   * Changes what is said of a certificate and, given a new one, puts that in its place: trust moves over, the old one
   * is a stranger's.
   */
  async update(
    before: Stored<CertificateRecord>,
    input: TrustInput,
    options: { readonly certificate?: ClientCertificate | undefined; readonly requestor?: Requestor },
  ): Promise<void> {
    const { certificate, requestor } = options
    const { type, fingerprint, certificate: pem } = before.value
    if (input.type !== type) throw forbidden('The certificate type cannot be changed')
    const renewed = certificate && certificate.fingerprint !== fingerprint ? certificate : undefined
    if (renewed) this.checkNew(renewed)
    const said = { ...input, type }
    const after = renewed ? recordOf(renewed, said) : { fingerprint, certificate: pem, ...sayings(said) }
    await this.#commit({ before, after, requestor })
  }

  async delete(before: Stored<CertificateRecord>, requestor?: Requestor): Promise<void> {
    await this.#commit({ before, requestor })
  }

  /** Throws where a certificate can not be added: trusted already, weak, out of date or of the wrong authority. */
  checkNew(certificate: ClientCertificate): void {
    if (this.get(certificate.fingerprint)) throw conflict('Certificate already in trust store')
    checkKey('certificate', certificate)
    checkValidity('certificate', certificate, (this.#options.now ?? Date.now)())
    this.#options.checkIssuer?.(certificate)
  }

  /** Throws where what is said of a certificate, or of one to come, can not be. */
  check({ name, type, restricted, projects }: TrustInput): void {
    if (name.length > maxName || /\p{Cc}/u.test(name)) {
      throw badRequest(`Invalid "name": expected at most ${maxName} characters, none of them a control character`)
    }
    if (readType(type) === 'server' && (restricted || projects.length > 0)) {
      throw badRequest('Invalid "restricted": a certificate of type server can not be restricted to projects')
    }
    if (projects.length > maxProjects) throw badRequest(`Invalid "projects": more than ${maxProjects}`)
    const missing = projects.find((project) => !this.#projects.get(project))
    if (missing !== undefined) throw badRequest(`Invalid "projects": there is no project ${JSON.stringify(missing)}`)
  }

  /** The one way a certificate is written. */
  async #commit({ before, after, requestor }: Commit): Promise<void> {
    const { access, events, onChange } = this.#options
    const old = before?.value
    const moved = old && old.fingerprint !== after?.fingerprint
    await access.commit(() => {
      if (after) this.check(after)
      return {
        changes: [
          ...(moved ? [this.#records.delete(old.fingerprint)] : []),
          ...(moved ? access.moveCertificate(old.fingerprint, after?.fingerprint) : []),
          ...(after ? [this.#records.put(after, after.fingerprint)] : []),
        ],
        compare: [
          ...(before ? [this.#records.expect(before.revision, before.value.fingerprint)] : []),
          ...(after && old?.fingerprint !== after.fingerprint ? [this.#records.expect(0, after.fingerprint)] : []),
          ...(after?.projects ?? []).map((name) =>
            this.#projects.expect(this.#projects.get(name)?.revision ?? 0, name),
          ),
        ],
      }
    })
    const action = !old ? 'certificate-created' : after ? 'certificate-updated' : 'certificate-deleted'
    const fingerprint = after?.fingerprint ?? old?.fingerprint ?? ''
    onChange?.(requestor, action, fingerprint)
    events.lifecycle({ action, source: `/1.0/certificates/${fingerprint}`, requestor })
  }
}

/** The certificates that are trusted. */
export function trustedCertificates(store: Store): readonly CertificateRecord[] {
  return certificateRecords(store)
    .list()
    .map(({ value }) => value)
}

/** The writes that belong into the commit of a project: no certificate names one that has gone or has another name. */
export function certificatesOfProject(store: Store) {
  const records = certificateRecords(store)
  return (before: ProjectRecord | undefined, after: ProjectRecord | undefined): readonly Change[] => {
    if (!before || before.name === after?.name) return []
    return records
      .list()
      .filter(({ value }) => value.projects.includes(before.name))
      .map(({ value }) => {
        const projects = value.projects.flatMap((name) => (name === before.name ? (after ? [after.name] : []) : [name]))
        return records.put({ ...value, projects }, value.fingerprint)
      })
  }
}

function readType(text: string): CertificateType {
  const type = certificateTypes.find((known) => known === text)
  if (!type) {
    throw badRequest(`Invalid "type" ${JSON.stringify(text)}: expected one of ${certificateTypes.join(', ')}`)
  }
  return type
}

function sayings(input: TrustInput & { readonly type: CertificateType }) {
  const { name, type, restricted, projects } = input
  return { name, type, restricted, projects: [...new Set(projects)] }
}

function recordOf(
  certificate: ClientCertificate,
  input: TrustInput & { readonly type: CertificateType },
): CertificateRecord {
  const said = sayings(input)
  const name =
    said.name ||
    commonNameOf(certificate)
      .replaceAll(/\p{Cc}/gu, '')
      .slice(0, maxName)
  return { fingerprint: certificate.fingerprint, certificate: certificate.x509.toString(), ...said, name }
}
