import { Records } from './records.ts'
import type { Store } from './store.ts'

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
