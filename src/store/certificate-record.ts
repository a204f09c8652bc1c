import { Records } from './records.ts'
import type { Store } from './store.ts'

/** What a certificate is for: a client of the API, a reader of metrics, another server. */
export const certificateTypes = ['client', 'metrics', 'server'] as const

export type CertificateType = (typeof certificateTypes)[number]

/** A certificate that the server trusts. Found by its fingerprint. */
export interface CertificateRecord {
  /** SHA-256 of the certificate in hex, in lower case. */
  readonly fingerprint: string
  readonly type: CertificateType
  readonly name: string
  /** As PEM. */
  readonly certificate: string
  /** Whether it counts in its projects only. */
  readonly restricted: boolean
  readonly projects: readonly string[]
}

export function certificateRecords(store: Store): Records<CertificateRecord> {
  return new Records(store, 'certificates')
}
