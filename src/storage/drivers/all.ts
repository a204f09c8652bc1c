import type { StorageDriver } from '../driver.ts'
import { dirDriver } from './dir.ts'
import { overlayDriver } from './overlay.ts'
import type { DriverHost } from './scratch.ts'

/** All kinds of storage pool. `trialDirectory` is where a driver may try what this host can do. */
export function storageDrivers(host: DriverHost & { readonly trialDirectory: string }): readonly StorageDriver[] {
  return [dirDriver(host), overlayDriver(host)]
}
