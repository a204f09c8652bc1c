import { parseCidr } from '#base/address.ts'
import { parseSize } from '#base/size.ts'
import { bool, integer, list, size, string } from './key.ts'
import { listenerKeys } from './listener-keys.ts'
import { oidcKeys } from './oidc-keys.ts'
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
  'core.host_hardening': bool({
    doc: 'Whether the daemon, when it starts, keeps files of the kernel to root that tell containers of each other: `/proc/sched_debug` and `/sys/kernel/slab`. Not in LXD.\n\nThey stay as they are when the key is turned off.',
    default: 'true',
  }),
  ...listenerKeys,
  ...oidcKeys,
  ...trustKeys,
  'core.shutdown_timeout': integer({
    doc: 'How many minutes operations get to end when the daemon shuts down.',
    default: '5',
    min: 0,
    max: 60 * 24 * 7,
    live: true,
  }),
  'images.auto_update_cached': bool({
    doc: 'Whether images that are fetched because an instance needs them follow the alias they were found by.',
    default: 'true',
    live: true,
  }),
  'images.auto_update_interval': integer({
    doc: 'Hours between two looks for newer images where images came from; 0 for never.\n\nFor as long, an image that follows its source is used without asking the source.',
    default: '6',
    min: 0,
    max: 24 * 365,
    live: true,
  }),
  'images.remote_cache_expiry': integer({
    doc: 'Days after which an image goes that was fetched because an instance needed it and that nobody has used since.',
    default: '10',
    min: 0,
    max: 365 * 100,
    live: true,
  }),
  'images.sources.allowed_networks': list((text) => parseCidr(text), {
    doc: 'Networks from which clients who are no administrators may have images fetched, such as `10.1.0.0/16, fd42::/16`. Not in LXD.\n\nServers on the public internet are always open to them; private, link-local and loopback addresses and those of this host only where they are named here. Administrators reach all.',
    live: true,
  }),
  'instances.idmap.isolated': bool({
    doc: 'Whether new containers get `security.idmap.isolated`, so that each has ids of its own. Not in LXD.\n\nOne that is given the key, by its creator or a profile, has it as given.',
    default: 'false',
    live: true,
  }),
  'instances.privileged': bool({
    doc: 'Whether containers may have `security.privileged`. Not in LXD.\n\nWhere they may not, none is made, changed to be so or started; those that run already run on until they stop.',
    default: 'true',
    live: true,
  }),
  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}
