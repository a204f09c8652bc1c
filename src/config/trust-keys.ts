import { bool, duration, integer, string } from './key.ts'

/** The server keys about how clients become trusted. */
export const trustKeys = {
  'core.auth_failures_expiry': duration({
    doc: 'How long failed attempts of an address to authenticate count, after the last of them: `15M` is 15 minutes. Not in LXD.',
    default: '15M',
    live: true,
  }),
  'core.auth_failures_limit': integer({
    doc: 'How many attempts to authenticate may fail before those of the address, or of its /64 of IPv6, are refused for a while; 0 for no limit. Not in LXD.\n\nClients that are trusted already are not concerned.',
    default: '50',
    min: 0,
    max: 1_000_000,
    live: true,
  }),
  'core.remote_token_expiry': duration({
    doc: 'How long tokens that add clients are good for, such as `1d 12H`; for ever where it is not set.\n\nNo token outlives the daemon.',
    live: true,
  }),
  'core.trust_ca_certificates': bool({
    doc: 'Whether every client with a certificate of the certificate authority in `server.ca` is trusted with everything, unless the trust store has the certificate and says otherwise.',
    default: 'false',
    live: true,
  }),
  'core.trust_password': string({
    doc: 'A password with which clients can add themselves as administrators. Deprecated: use tokens.\n\nIt is stored as a hash and shown as `true`.',
    secret: true,
    live: true,
  }),
}
