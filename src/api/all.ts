import { authGroup } from './auth/auth-group.ts'
import { authGroups } from './auth/auth-groups.ts'
import { currentIdentity } from './auth/current-identity.ts'
import { identities } from './auth/identities.ts'
import { identitiesByMethod } from './auth/identities-by-method.ts'
import { identity } from './auth/identity.ts'
import { identityProviderGroup } from './auth/identity-provider-group.ts'
import { identityProviderGroups } from './auth/identity-provider-groups.ts'
import { permissions } from './auth/permissions.ts'
import { certificate } from './certificates/certificate.ts'
import { certificates } from './certificates/certificates.ts'
import { events } from './events/events.ts'
import { image } from './images/image.ts'
import { imageAlias } from './images/image-alias.ts'
import { imageAliases } from './images/image-aliases.ts'
import { imageExport } from './images/image-export.ts'
import { imageRefresh } from './images/image-refresh.ts'
import { imageSecret } from './images/image-secret.ts'
import { images } from './images/images.ts'
import { instance } from './instances/instance.ts'
import { instanceConsole } from './instances/instance-console.ts'
import { instanceExec } from './instances/instance-exec.ts'
import { instanceFiles } from './instances/instance-files.ts'
import { instanceLog } from './instances/instance-log.ts'
import { instanceLogs } from './instances/instance-logs.ts'
import { instanceSftp } from './instances/instance-sftp.ts'
import { instanceState } from './instances/instance-state.ts'
import { instances } from './instances/instances.ts'
import { audit } from './internal/audit.ts'
import { ready } from './internal/ready.ts'
import { shutdown } from './internal/shutdown.ts'
import { network } from './networks/network.ts'
import { networkLeases } from './networks/network-leases.ts'
import { networkState } from './networks/network-state.ts'
import { networks } from './networks/networks.ts'
import { operation } from './operations/operation.ts'
import { operationWait } from './operations/operation-wait.ts'
import { operationWebsocket } from './operations/operation-websocket.ts'
import { operations } from './operations/operations.ts'
import { profile } from './profiles/profile.ts'
import { profiles } from './profiles/profiles.ts'
import { project } from './projects/project.ts'
import { projectState } from './projects/project-state.ts'
import { projects } from './projects/projects.ts'
import { metrics } from './server/metrics.ts'
import { resources } from './server/resources.ts'
import { root } from './server/root.ts'
import { server } from './server/server.ts'
import { storagePool } from './storage-pools/storage-pool.ts'
import { storagePoolResources } from './storage-pools/storage-pool-resources.ts'
import { storagePools } from './storage-pools/storage-pools.ts'
import { storageVolume } from './storage-pools/storage-volume.ts'
import { storageVolumes } from './storage-pools/storage-volumes.ts'
import { storageVolumesType } from './storage-pools/storage-volumes-type.ts'
import { storageVolumeState } from './storage-pools/storage-volume-state.ts'
import { warning } from './warnings/warning.ts'
import { warnings } from './warnings/warnings.ts'
import type { Route } from './route.ts'

const listed: readonly Route[] = [
  authGroup,
  authGroups,
  currentIdentity,
  identities,
  identitiesByMethod,
  identity,
  identityProviderGroup,
  identityProviderGroups,
  permissions,
  certificate,
  certificates,
  events,
  image,
  imageAlias,
  imageAliases,
  imageExport,
  imageRefresh,
  imageSecret,
  images,
  instance,
  instanceConsole,
  instanceExec,
  instanceFiles,
  instanceLog,
  instanceLogs,
  instanceSftp,
  instanceState,
  instances,
  network,
  networkLeases,
  networkState,
  networks,
  operation,
  operationWait,
  operationWebsocket,
  operations,
  profile,
  profiles,
  project,
  projectState,
  projects,
  metrics,
  resources,
  root,
  server,
  storagePool,
  storagePoolResources,
  storagePools,
  storageVolume,
  storageVolumes,
  storageVolumesType,
  storageVolumeState,
  warning,
  warnings,
  audit,
  ready,
  shutdown,
]

/** The paths that clients from before instances were called so know: `/1.0/containers…` is `/1.0/instances…`. */
function underOldName(route: Route): Route[] {
  if (!route.path.startsWith('/1.0/instances')) return []
  return [{ ...route, path: route.path.replace('/1.0/instances', '/1.0/containers') }]
}

/** Every path of the API. */
export const routes: readonly Route[] = [...listed, ...listed.flatMap(underOldName)]
