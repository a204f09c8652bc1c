import { Records } from './records.ts'
import type { Store } from './store.ts'

/** Where newer images of a kind are to be found. */
export interface UpdateSource {
  /** The URL, as whoever added the image wrote it. */
  readonly server: string
  readonly protocol: string
  /** PEM of the certificate the server is known by; empty for one that the system's authorities vouch for. */
  readonly certificate: string
  readonly alias: string
  readonly imageType: string
  /** The project on the server; empty for its default one. */
  readonly project: string
  /** Where the server may be: as far as whoever added the image reaches. */
  readonly reach: 'any' | 'global'
}

export interface ImageRecord {
  readonly project: string
  readonly fingerprint: string
  readonly type: 'container' | 'virtual-machine'
  readonly architecture: string
  readonly filename: string
  /** Bytes of all its files. */
  readonly size: number
  /** Whether metadata and root file system are two files (`FINGERPRINT` and `FINGERPRINT.rootfs`). */
  readonly split: boolean
  readonly public: boolean
  readonly autoUpdate: boolean
  readonly cached: boolean
  readonly properties: Readonly<Record<string, string>>
  readonly profiles: readonly string[]
  readonly createdAt: string
  readonly expiresAt: string
  readonly lastUsedAt: string
  readonly uploadedAt: string
  readonly updateSource?: UpdateSource
}

export interface ImageAliasRecord {
  readonly project: string
  readonly name: string
  readonly description: string
  readonly target: string
  readonly type: 'container' | 'virtual-machine'
}

export function imageRecords(store: Store): Records<ImageRecord> {
  return new Records(store, 'images')
}

export function imageAliasRecords(store: Store): Records<ImageAliasRecord> {
  return new Records(store, 'image-aliases')
}
