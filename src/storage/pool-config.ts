import { badRequest } from '#base/failure.ts'
import { checkConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { string } from '#config/key.ts'
import type { Keys } from '#config/key.ts'
import type { StorageDriver } from './driver.ts'

/** The keys of a pool: the driver's own, those of its volumes as `volume.KEY`, and free ones. */
export function poolKeys(driver: StorageDriver): Keys {
  const ofVolumes = Object.entries(driver.volumeKeys).map(([name, key]) => [`volume.${name}`, key] as const)
  return {
    ...driver.poolKeys,
    ...Object.fromEntries(ofVolumes),
    'user.*': string({ doc: 'Free text for users and their tools.', live: true, risk: 'safe' }),
  }
}

/** Throws a bad-request Failure for what can not name a pool: the name becomes that of a directory. */
export function checkPoolName(name: string): void {
  if (name === '') throw badRequest('No name provided')
  if (name.includes('/')) throw badRequest('Storage pool names may not contain slashes')
  if (!/^[^\s\p{Cc}.][^\s\p{Cc}]{0,99}$/u.test(name)) {
    throw badRequest(
      `Invalid storage pool name "${name}": expected at most 100 characters, no white space among them and no dot first`,
    )
  }
}

/** Checks a pool's configuration as a whole. `before` is what the pool has now, if it is there already. */
export function checkPoolConfig(driver: StorageDriver, config: Config, before?: Config): void {
  for (const name of ['size', 'volume.size']) {
    if (config[name] && !Object.hasOwn(poolKeys(driver), name)) {
      throw badRequest(`Invalid storage pool configuration: "${name}": the driver "${driver.name}" can not limit sizes`)
    }
  }
  checkConfig('storage pool', poolKeys(driver), config)
  if (before && (config['source'] ?? '') !== (before['source'] ?? '')) {
    throw badRequest('Invalid storage pool configuration: "source" can not be changed once the pool is there')
  }
}
