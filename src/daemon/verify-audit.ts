import { join } from 'node:path'
import type { Link } from '#audit/chain.ts'
import { verifyDirectory, verifyFiles } from '#audit/verify.ts'
import type { Verdict } from '#audit/verify.ts'
import { auditRecords } from '#store/audit-record.ts'
import type { AuditAnchor } from '#store/audit-record.ts'
import { openIdleStore } from './idle-store.ts'

export interface VerifyOptions {
  /** Files to check instead of the whole log. */
  readonly files: readonly string[]
  /** A line noted elsewhere that has to be in the log. */
  readonly expected: Link | undefined
  /** Asks a running daemon how far the log has come. */
  readonly ask: () => Promise<unknown>
}

/** Checks the audit log, whether the daemon runs or not. `directory` is LXD_DIR. */
export async function verifyAudit(directory: string, { files, expected, ask }: VerifyOptions): Promise<Verdict> {
  if (files.length > 0) return await verifyFiles(files, { expected })
  const anchor = await readAnchor(directory, ask)
  return await verifyDirectory(join(directory, 'audit'), { anchor, expected })
}

async function readAnchor(directory: string, ask: () => Promise<unknown>): Promise<AuditAnchor | undefined> {
  const store = openIdleStore(directory)
  if (store === 'missing') return undefined
  if (store === 'busy') return (await ask()) as AuditAnchor
  await using idle = store
  return auditRecords(idle).get('head')?.value
}
