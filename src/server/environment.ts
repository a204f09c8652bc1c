import { hostname, machine, release, type } from 'node:os'
import { runnableOn } from '#base/architecture.ts'
import { serverVersion } from '#base/version.ts'
import type { KernelFeatures } from '#host/kernel-features.ts'
import type { OsRelease } from '#host/os-release.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { ServerEnvironment } from '#schema/server.ts'
import { poolRecords } from '#store/pool-record.ts'
import type { Store } from '#store/store.ts'
import type { ServerCertificate } from './server-certificate.ts'

/** A kind of storage pool, as far as clients are told of it. */
export interface StorageKind {
  readonly name: string
  readonly remote: boolean
  /** The version of what it relies on, or undefined where this host can not serve it. */
  version(): Promise<string | undefined>
}

export interface EnvironmentOptions {
  readonly store: Store
  readonly runtime: Pick<Runtime, 'version' | 'features'>
  readonly storageKinds: readonly StorageKind[]
  readonly certificate: () => Pick<ServerCertificate, 'certificate' | 'fingerprint'>
  /** Where remote clients reach the API now. */
  readonly addresses: () => readonly string[]
  readonly kernelFeatures: KernelFeatures
  readonly osRelease: OsRelease
}

/** What clients are told of this server and its host. */
export class Environment {
  readonly #options: EnvironmentOptions
  readonly #versions: ReadonlyMap<string, string>

  private constructor(options: EnvironmentOptions, versions: ReadonlyMap<string, string>) {
    this.#options = options
    this.#versions = versions
  }

  /** Finds out once what doesn't change while the daemon runs. */
  static async read(options: EnvironmentOptions): Promise<Environment> {
    const found = await Promise.all(
      options.storageKinds.map(async (kind): Promise<[string, string | undefined]> => [
        kind.name,
        await kind.version(),
      ]),
    )
    return new Environment(options, new Map(found.filter((one): one is [string, string] => one[1] !== undefined)))
  }

  describe(project: string): ServerEnvironment {
    const { kernelFeatures, osRelease, runtime, storageKinds, store } = this.#options
    const pools = poolRecords(store).list()
    const inUse = [...new Set(pools.map(({ value }) => value.driver))].toSorted()
    const certificate = this.#options.certificate()
    return {
      addresses: [...this.#options.addresses()],
      architectures: [...runnableOn(machine())],
      certificate: certificate.certificate,
      certificate_fingerprint: certificate.fingerprint,
      driver: 'lxc',
      driver_version: runtime.version,
      firewall: 'nftables',
      kernel: type(),
      kernel_architecture: machine(),
      kernel_features: asText(kernelFeatures),
      kernel_version: release(),
      lxc_features: asText(runtime.features),
      os_name: osRelease.name,
      os_version: osRelease.version,
      project,
      server: 'lxd',
      server_clustered: false,
      server_event_mode: 'full-mesh',
      server_name: hostname(),
      server_pid: process.pid,
      server_version: serverVersion,
      storage: inUse.join(' | '),
      storage_version: inUse.map((name) => this.#versions.get(name) ?? '').join(' | '),
      storage_supported_drivers: storageKinds
        .filter(({ name }) => this.#versions.has(name))
        .map(({ name, remote }) => ({ Name: name, Version: this.#versions.get(name) ?? '', Remote: remote }))
        .toSorted((a, b) => (a.Name < b.Name ? -1 : 1)),
    }
  }
}

function asText(features: Readonly<Record<string, boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(features).map(([name, has]) => [name, String(has)]))
}
