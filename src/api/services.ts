import type { Groups } from '#auth/groups.ts'
import type { Identities } from '#auth/identities.ts'
import type { Oidc } from '#auth/oidc/oidc.ts'
import type { ProviderGroups } from '#auth/provider-groups.ts'
import type { Audit } from '#audit/audit.ts'
import type { Admission } from '#auth/admission.ts'
import type { JoinTokens } from '#auth/join-tokens.ts'
import type { TrustStore } from '#auth/trust-store.ts'
import type { Downloads } from '#images/downloads.ts'
import type { ImageQuery, Images } from '#images/images.ts'
import type { Outbound } from '#images/outbound.ts'
import type { ImageRefresh } from '#images/refresh.ts'
import type { Consoles } from '#instances/consoles.ts'
import type { InstanceFiles } from '#instances/files.ts'
import type { Instances, SourceImage } from '#instances/instances.ts'
import type { Lifecycle } from '#instances/lifecycle.ts'
import type { InstanceLogs } from '#instances/logs.ts'
import type { Events } from '#events/events.ts'
import type { Networks } from '#networks/networks.ts'
import type { Operations } from '#operations/operations.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Pools } from '#storage/pools.ts'
import type { Profiles } from '#profiles/profiles.ts'
import type { Policy } from '#projects/policy/policy.ts'
import type { Projects } from '#projects/projects.ts'

import type { Resources } from '#schema/resources.ts'
import type { Environment } from '#server/environment.ts'
import type { ServerConfig } from '#server/server-config.ts'
import type { Warnings } from '#warnings/warnings.ts'

/** All parts of the daemon that handlers call. Made in `daemon/daemon.ts`. */
export interface Services {
  readonly events: Events
  readonly groups: Groups
  readonly identities: Identities
  readonly providerGroups: ProviderGroups
  readonly oidc: Oidc
  readonly images: Images
  readonly downloads: Downloads
  readonly imageRefresh: ImageRefresh
  /** How images that come from other servers are looked after in a project. */
  readonly imageSettings: {
    of(project: string): { readonly interval: number; readonly follow: boolean }
  }
  readonly outbound: Outbound
  readonly consoles: Consoles
  readonly files: InstanceFiles
  readonly instances: Instances
  readonly lifecycle: Lifecycle
  readonly logs: InstanceLogs
  readonly networks: Networks
  readonly operations: Operations
  readonly runtime: Runtime
  /** The state of an instance, as `GET …/state` shows it. */
  readState(record: InstanceRecord): Promise<object>
  /** What running instances use, of all projects or of one, as text for Prometheus. */
  readMetrics(project?: string): Promise<string>
  /** The image that a source names, in the project or in that whose images it uses. */
  findImage(project: string, source: ImageQuery): Promise<SourceImage>
  readonly policy: Policy
  readonly projects: Projects
  readonly serverConfig: ServerConfig
  readonly environment: Environment
  /** The hardware of the host, as it is now. */
  readResources(): Promise<Resources>
  /** The API extensions to announce. */
  readonly extensions: readonly string[]
  readonly pools: Pools
  readonly profiles: Profiles
  readonly warnings: Warnings
  readonly audit: Audit
  readonly trust: TrustStore
  readonly tokens: JoinTokens
  readonly admission: Admission
  /**
   * Stops the instances and then the daemon. Resolves when the instances are down; operations get `timeout`
   * milliseconds to end, or none at all with `force`.
   */
  shutdown(options: { readonly force: boolean; readonly timeout: number }): Promise<void>
}
