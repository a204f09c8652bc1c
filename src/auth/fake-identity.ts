import { noMemberships } from './identity.ts'
import type { Grant, Identity } from './identity.ts'

/** Someone the server knows, with these grants, for tests. */
export function fakeIdentity(grants: readonly Grant[], id = 'someone'): Identity {
  return {
    method: 'tls',
    id,
    trusted: true,
    grants,
    memberships: noMemberships,
    requestor: { username: id, protocol: 'tls', address: '192.0.2.1:1' },
    peer: { address: '192.0.2.1:1' },
  }
}
