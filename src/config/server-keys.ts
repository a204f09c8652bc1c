import { parseSize } from '#base/size.ts'
import { bool, integer, size, string } from './key.ts'
import { listenerKeys } from './listener-keys.ts'
import { trustKeys } from './trust-keys.ts'

/** Every key of the server's configuration that has an effect. */
export const serverKeys = {
  'core.audit_max_files': integer({
    doc: 'How many files of the audit log are kept, that which is written to included. The oldest is deleted when there are more. Not in LXD.',
    default: '16',
    min: 2,
    max: 10_000,
    live: true,
  }),
  'core.audit_max_size': size({
    doc: 'The size at which a new file of the audit log is begun, at least 64KiB. Not in LXD.',
    default: '64MiB',
    live: true,
    check(text) {
      if (parseSize(text) < 64 << 10) throw new Error(`Invalid size "${text}": expected at least 64KiB`)
    },
  }),
  'core.audit_reads': bool({
    doc: 'Whether the audit log has requests that only read, too: a line for each, and many of them. Not in LXD.',
    default: 'false',
    live: true,
  }),
  'core.audit_required': bool({
    doc: 'Whether changes are refused while the audit log cannot be written, as when the disk is full. Otherwise they go on, a warning is raised, and the log says how much it lacks. Not in LXD.',
    default: 'false',
    live: true,
  }),
  ...listenerKeys,
  ...trustKeys,
  'core.shutdown_timeout': integer({
    doc: 'How many minutes operations get to end when the daemon shuts down.',
    default: '5',
    min: 0,
    max: 60 * 24 * 7,
    live: true,
  }),
  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}
