import type { Instance } from '#client/instances.ts'

import type { Surroundings } from '../surroundings.ts'

/** Says, of an instance that has no network interface, how to give it one. */
export function tellOfNoNetwork({ expanded_devices }: Instance, at: Surroundings): void {
  if (Object.values(expanded_devices ?? {}).some(({ type }) => type === 'nic')) return

  at.warn(`
The instance you are starting doesn't have any network attached to it.
  To create a new network, use: lxc network create
  To attach a network to an instance, use: lxc network attach

`)
}
