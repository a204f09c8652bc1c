import { badRequest } from '#base/failure.ts'
import type { Config } from '#client/instances.ts'

import type { OwnedDevices } from './owner.ts'

/** A device of its owner's own. Throws for one that isn't there, or that comes from a profile. */
export function findDevice({ devices, inherited }: OwnedDevices, name: string, verb: 'retrieved' | 'modified'): Config {
  const device = Object.hasOwn(devices, name) ? devices[name] : undefined
  if (device !== undefined) return device
  if (!Object.hasOwn(inherited, name)) throw badRequest("Device doesn't exist")

  const hint = verb === 'modified' ? '. Override device or modify profile instead' : ''
  throw badRequest(`Device from profile(s) cannot be ${verb} for individual instance${hint}`)
}
