import type { Connection } from '#client/connection.ts'
import { getInstance, updateInstance, type Config, type Devices } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'
import { getProfile, updateProfile } from '#client/profiles.ts'

/** What devices belong to: instances, or the profiles that several instances share. */
export interface DeviceOwner {
  /** The commands' first word, `config device add`. */
  readonly word: 'config' | 'profile'
  /** How usage lines call it. */
  readonly noun: string
  readonly open: (connection: Connection, name: string) => Promise<OwnedDevices>
}

/** The devices of one owner, as they were read. */
export interface OwnedDevices {
  readonly devices: Devices
  /** Those that come from profiles. */
  readonly inherited: Devices
  /** Replaces the owner's devices; refused when they have changed in between. */
  readonly save: (devices: Readonly<Record<string, Config>>) => Promise<void>
}

export const instanceDevices: DeviceOwner = {
  word: 'config',
  noun: 'instance',
  async open(connection, name) {
    const { instance, etag } = await getInstance(connection, name)
    const expanded = Object.entries(instance.expanded_devices ?? {})
    return {
      devices: instance.devices,
      inherited: Object.fromEntries(expanded.filter(([device]) => !Object.hasOwn(instance.devices, device))),
      save: async (devices) => {
        await waitOperation(connection, await updateInstance(connection, name, { ...instance, devices }, etag))
      },
    }
  },
}

export const profileDevices: DeviceOwner = {
  word: 'profile',
  noun: 'profile',
  async open(connection, name) {
    const { profile, etag } = await getProfile(connection, name)
    return {
      devices: profile.devices,
      inherited: {},
      save: async (devices) => await updateProfile(connection, name, { ...profile, devices }, etag),
    }
  },
}
