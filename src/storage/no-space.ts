import { CommandError } from '#host/run.ts'

/** Whether something failed because a disk, or what is allowed of it, is full. */
export function isOutOfSpace(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT')) return true
    // Programs tell in words only; run() has them speak English.
    if (at instanceof CommandError && /No space left on device|Disk quota exceeded/.test(at.stderr)) return true
  }
  return false
}
