import { AccessStore } from '#auth/access-store.ts'
import type { OnAccessChange } from '#auth/access-store.ts'
import { Groups } from '#auth/groups.ts'
import { Identities } from '#auth/identities.ts'
import type { TrustedCertificate } from '#auth/identities.ts'
import { ProviderGroups } from '#auth/provider-groups.ts'
import type { Events } from '#events/events.ts'
import type { Store } from '#store/store.ts'

interface AccessOptions {
  readonly store: Store
  readonly events: Events
  readonly certificates: () => readonly TrustedCertificate[]
  readonly onChange: OnAccessChange
}

/** Who may do what: groups, and who is in them. */
export function makeAccess({ store, events, certificates, onChange }: AccessOptions) {
  const access = new AccessStore(store)
  return {
    access,
    groups: new Groups({ access, events, onChange }),
    identities: new Identities({ access, events, certificates, onChange }),
    providerGroups: new ProviderGroups({ access, events, onChange }),
  }
}
