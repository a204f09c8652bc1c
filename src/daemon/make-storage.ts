import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '#base/log.ts'
import type { Events } from '#events/events.ts'
import { mountsInside } from '#guest/mounts-inside.ts'
import type { MountsInside } from '#guest/mounts-inside.ts'
import { realMounts } from '#host/mounts.ts'
import type { Mounts } from '#host/mounts.ts'
import { run } from '#host/run.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import type { StorageDriver } from '#storage/driver.ts'
import { storageDrivers } from '#storage/drivers/all.ts'
import { Pools } from '#storage/pools.ts'
import type { Store } from '#store/store.ts'

/** The storage of this host, and what it acts by. */
export interface Storage extends AsyncDisposable {
  readonly pools: Pools
  readonly drivers: readonly StorageDriver[]
  readonly mounts: Mounts
  readonly inside: MountsInside
  readonly devicesDirectory: string
}

/** How long the daemon waits at its end for deleted files to go, in milliseconds. The next start sees to the rest. */
const patience = 10_000

/** Puts the storage pools together; they are not mounted yet. */
export function makeStorage(options: {
  readonly store: Store
  readonly events: Events
  readonly log: Log
  /** LXD_DIR. */
  readonly directory: string
}): Storage {
  const namespaces = realUserNamespaces()
  const mounts = realMounts(namespaces)
  const trialDirectory = join(options.directory, 'storage-pools')
  const drivers = storageDrivers({ mounts, run, log: options.log, trialDirectory })
  const pools = new Pools({ ...options, drivers })
  return {
    pools,
    drivers,
    mounts,
    inside: mountsInside(run),
    devicesDirectory: join(options.directory, 'devices'),
    async [Symbol.asyncDispose]() {
      const stop = new AbortController()
      await Promise.race([pools.settle(), sleep(patience, undefined, { signal: stop.signal })])
      stop.abort()
      namespaces[Symbol.dispose]()
    },
  }
}
