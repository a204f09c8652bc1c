import { instanceRecords } from '#store/instance-record.ts'
import type { DevicesConfig, InstanceRecord } from '#store/instance-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { projectRecords } from '#store/project-record.ts'
import type { Store } from '#store/store.ts'

type DeviceConfig = DevicesConfig[string]

/** A NIC of an instance that is on a network. */
export interface NetworkNic {
  readonly project: string
  readonly instance: string
  readonly device: string
  readonly config: DeviceConfig
  /** In lower case; empty where none was made yet. */
  readonly hwaddr: string
}

/** Someone whose configuration names a network. */
export interface NetworkUser {
  readonly kind: 'instance' | 'profile'
  readonly project: string
  readonly name: string
}

/** Whether a device is on the network, by `network=` or as a port of its link. */
export function usesNetwork(device: DeviceConfig, network: string): boolean {
  return device['type'] === 'nic' && (device['network'] === network || device['parent'] === network)
}

/** The NICs of all instances on a network, as the store has them. */
export function networkNics(store: Store, network: string): NetworkNic[] {
  const devicesOf = deviceReader(store)
  return instances(store).flatMap((instance) =>
    Object.entries(devicesOf(instance))
      .filter(([, config]) => usesNetwork(config, network))
      .map(([device, config]) => ({
        project: instance.project,
        instance: instance.name,
        device,
        config,
        hwaddr: (config['hwaddr'] || instance.config[`volatile.${device}.hwaddr`] || '').toLowerCase(),
      })),
  )
}

/** The profiles, then the instances, that use a network. */
export function networkUsers(store: Store, network: string): NetworkUser[] {
  const uses = (devices: DevicesConfig) => Object.values(devices).some((device) => usesNetwork(device, network))
  const devicesOf = deviceReader(store)
  return [
    ...profileRecords(store)
      .list()
      .filter(({ value }) => uses(value.devices))
      .map(({ value }) => ({ kind: 'profile' as const, project: value.project, name: value.name })),
    ...instances(store)
      .filter((instance) => uses(devicesOf(instance)))
      .map(({ project, name }) => ({ kind: 'instance' as const, project, name })),
  ]
}

function instances(store: Store): InstanceRecord[] {
  return instanceRecords(store)
    .list()
    .map(({ value }) => value)
}

/** Devices with those of the profiles below them, as an instance has them. */
function deviceReader(store: Store): (instance: InstanceRecord) => DevicesConfig {
  const profiles = profileRecords(store)
  const projects = projectRecords(store)
  return ({ project, profiles: names, devices }) => {
    const features = projects.get(project)?.value.config
    const home = project === 'default' || features?.['features.profiles'] === 'true' ? project : 'default'
    const layers = names.map((name) => profiles.get(home, name)?.value.devices ?? {})
    return Object.assign({}, ...layers, devices) as DevicesConfig
  }
}
