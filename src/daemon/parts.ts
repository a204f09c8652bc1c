import { machine } from 'node:os'
import { join } from 'node:path'
import { routes } from '#api/all.ts'
import { announcedExtensions } from '#api/extensions.ts'
import type { Services } from '#api/services.ts'
import { Audit } from '#audit/audit.ts'
import { AuditLog } from '#audit/audit-log.ts'
import type { AuditSettings } from '#audit/audit-log.ts'
import { certificatesOfProject, trustedCertificates } from '#auth/trust-store.ts'
import { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import type { Keys } from '#config/key.ts'
import { serverKeys } from '#config/server-keys.ts'
import { deviceKinds, findKind } from '#devices/all.ts'
import { checkDevices } from '#devices/check.ts'
import type { DeviceKind, DeviceOwner } from '#devices/device.ts'
import { sweepProxies } from '#devices/proxy.ts'
import { openGuestImage } from '#devlxd/guest-images.ts'
import { GuestSockets } from '#devlxd/guest-sockets.ts'
import { Events } from '#events/events.ts'
import { logToEvents } from '#events/logging.ts'
import type { Images } from '#images/images.ts'
import { InstanceCommit, ownerOf } from '#instances/commit.ts'
import { Plan } from '#instances/container-plan.ts'
import { Consoles } from '#instances/consoles.ts'
import { CpuPins } from '#instances/cpu-pins.ts'
import { DeviceSet } from '#instances/device-set.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { InstanceFiles } from '#instances/files.ts'
import { Instances } from '#instances/instances.ts'
import { Lifecycle } from '#instances/lifecycle.ts'
import { LiveUpdate } from '#instances/live-update.ts'
import { moveLogs } from '#instances/log-files.ts'
import { InstanceLogs } from '#instances/logs.ts'
import { profileUsers } from '#instances/profile-users.ts'
import { readState } from '#instances/state.ts'
import { Networks } from '#networks/networks.ts'
import { networkTypes } from '#networks/types/all.ts'
import { Operations } from '#operations/operations.ts'
import { defaultProfileOf } from '#profiles/default-profile.ts'
import { Profiles } from '#profiles/profiles.ts'
import { Policy } from '#projects/policy/policy.ts'
import { projectKeys } from '#projects/project-keys.ts'
import { Projects } from '#projects/projects.ts'
import type { Belongings } from '#projects/projects.ts'
import { Environment } from '#server/environment.ts'
import { ServerIdentity } from '#server/server-certificate.ts'
import type { ServerValues } from '#server/config-part.ts'
import { ServerConfig } from '#server/server-config.ts'
import type { ImageTree } from '#storage/driver.ts'
import { Pools } from '#storage/pools.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { ProfileRecord } from '#store/profile-record.ts'
import type { ImageRecord } from '#store/image-record.ts'
import type { Store } from '#store/store.ts'
import { Warnings } from '#warnings/warnings.ts'
import { makeAccess } from './access.ts'
import type { Host } from './host.ts'
import { makeImages } from './image-parts.ts'
import { Listeners } from './listeners.ts'
import { makeMetrics } from './metrics-part.ts'
import { makeTrust } from './trust.ts'

interface Common {
  readonly directory: string
  readonly log: Log
  readonly store: Store
  readonly host: Host
  readonly events: Events
}

/** All parts of the daemon, none of them started. */
export type Parts = Awaited<ReturnType<typeof makeParts>>

/** Makes all parts and hands each what it needs of the others. */
export async function makeParts(options: Omit<Common, 'events'>) {
  const { directory, store, host } = options
  const events = new Events({ log: options.log })
  const log = logToEvents(options.log, events)
  const common = { ...options, events, log }
  const warnings = new Warnings({ store, events, log })
  const operations = new Operations({ events, log })
  const access = makeAccess({
    store,
    events,
    certificates: () => trustedCertificates(store),
    onChange: (...change) => server.audit.trustChanged(...change),
  })
  const { policy, projects } = makeProjects({
    ...common,
    belongings: (before, after) => [
      ...access.access.moveGrants(before, after),
      ...certificatesOfProject(store)(before, after),
    ],
    kinds: () => kinds,
    profiles: () => profiles,
  })
  const imageTree = (image: ImageRecord): ImageTree => ofImages.images.tree(image)
  const pools = new Pools({ ...common, warnings, drivers: host.drivers, imageTree })
  const networks = new Networks({ ...host, ...common, warnings, policy })
  const devicesDirectory = join(directory, 'devices')
  const kinds: readonly DeviceKind[] = deviceKinds({ ...host, networks, policy, pools, devicesDirectory })
  const profiles: Profiles = new Profiles({
    ...common,
    policy,
    projects,
    instanceKeys,
    checkDevices: (profile) => checkProfileDevices(kinds, profile),
  })
  const server = await makeServer({ ...common, warnings })
  const trust = await makeTrust({ ...common, ...server, ...access, warnings, operations })
  const ofImages = makeImages({ ...common, ...server, policy, projects, profiles, operations, pools })
  const running = makeInstances({ ...common, ...server, ...ofImages, policy, pools, profiles, kinds })
  return {
    ...running,
    ...server,
    metrics: makeMetrics({ ...common, ...running }),
    ...access,
    store,
    ...trust,
    ...ofImages,
    log,
    warnings,
    readResources: host.readResources,
    events,
    operations,
    policy,
    projects,
    pools,
    networks,
    kinds,
    profiles,
    sweepDevices: async () => await sweepProxies({ ...host, devicesDirectory }, runningOwners(running)),
  }
}

function runningOwners({
  commit,
  runtime,
}: Pick<ReturnType<typeof makeInstances>, 'commit' | 'runtime'>): DeviceOwner[] {
  const owners = commit.listAll().map((record) => ownerOf(commit.expand(record)))
  return owners.filter((owner) => runtime.status(owner.runtimeName) !== 'stopped')
}

/** The projects and what they allow, of devices and profiles among others, which are made after them. */
function makeProjects({
  store,
  events,
  belongings,
  kinds,
  profiles,
}: Common & {
  readonly belongings: Belongings
  readonly kinds: () => readonly DeviceKind[]
  readonly profiles: () => Profiles
}) {
  const policy = new Policy({
    store,
    instanceKeys,
    kindOf: (device) => findKind(kinds(), device),
    expand: (instance, changed) => profiles().expand(instance.project, instance.profiles, instance, changed),
  })
  const defaultProfile = defaultProfileOf(store)
  const projects = new Projects({
    store,
    events,
    policy,
    belongings: (before, after) => [...defaultProfile(before, after), ...belongings(before, after)],
  })
  return { policy, projects }
}

/** The server itself: how it is configured, how it is reached, what it tells of itself. */
async function makeServer({ directory, log, store, host, events, warnings }: Common & { readonly warnings: Warnings }) {
  const auditLog = new AuditLog({
    directory: join(directory, 'audit'),
    store,
    warnings,
    log,
    settings: () => auditSettings(serverConfig.values()),
  })
  const audit = new Audit({ log: auditLog, events })
  const serverConfig: ServerConfig = new ServerConfig({
    store,
    events,
    log,
    onChange: (names, requestor) => audit.configChanged(requestor, names),
  })
  const identity = await ServerIdentity.load(directory)
  const listeners = new Listeners({ log, identity, warnings, values: serverConfig.values() })
  serverConfig.use(listeners.part)
  const environment = await Environment.read({
    store,
    runtime: host.runtime,
    storageKinds: host.drivers,
    certificate: () => identity.current,
    addresses: () => listeners.addresses(),
    kernelFeatures: host.kernelFeatures,
    osRelease: host.osRelease,
  })
  return { audit, serverConfig, listeners, environment }
}

function auditSettings(values: ServerValues): AuditSettings {
  return {
    maxSize: values['core.audit_max_size'],
    maxFiles: values['core.audit_max_files'],
    reads: values['core.audit_reads'],
    required: values['core.audit_required'],
  }
}

function makeInstances(
  options: Common & {
    readonly policy: Policy
    readonly pools: Pools
    readonly profiles: Profiles
    readonly kinds: readonly DeviceKind[]
    readonly images: Images
    readonly serverConfig: ServerConfig
  },
) {
  const { directory, log, store, host, events, policy, pools, profiles, kinds } = options
  const { runtime } = host
  const locks = new Locks()
  const kindOf = (config: Parameters<typeof findKind>[1]) => findKind(kinds, config)
  const allowsPrivileged = () => options.serverConfig.values()['instances.privileged']
  const commit = new InstanceCommit({ store, policy, findKind: kindOf, profiles, allowsPrivileged })
  const devices = new DeviceSet({ findKind: kindOf, log })
  const plan = makePlan(commit, locks, host)
  const context: Plan['context'] = (expanded, map) => plan.context(expanded, map)
  const guestApi = new GuestSockets({
    directory: join(directory, 'devlxd'),
    log,
    find: (project, name) => (commit.has(project, name) ? commit.expand(commit.get(project, name).value) : undefined),
    openImage: (project, fingerprint) => openGuestImage(options.images, project, fingerprint),
  })
  const liveUpdate = new LiveUpdate({ commit, devices, runtime, plan, context, changed: guestApi.changed })
  const files = new InstanceFiles({ commit, runtime, mounts: pools, guestFiles: host.guestFiles, locks })
  const common = { commit, devices, files, guestApi, runtime, events, locks, log }
  const lifecycle: Lifecycle = new Lifecycle({
    ...common,
    mounts: pools,
    plan,
    deleteStopped: (project, name) => instances.deleteLocked(project, name),
  })
  const instances: Instances = new Instances({
    ...common,
    lifecycle,
    liveUpdate,
    volumes: pools,
    architecture: machine(),
    isolateNew: () => options.serverConfig.values()['instances.idmap.isolated'],
    moveLogs: (name, to) => moveLogs(directory, name, to),
  })
  profiles.setUsers(profileUsers({ store, commit, liveUpdate, locks }))
  return {
    commit,
    files,
    guestApi,
    lifecycle,
    instances,
    runtime,
    consoles: new Consoles(runtime),
    logs: new InstanceLogs(join(directory, 'logs')),
    readState: async (record: InstanceRecord) =>
      await readState(commit.expand(record), { runtime, volumes: pools, namespaceLinks: host.namespaceLinks, log }),
  }
}

function makePlan(commit: InstanceCommit, locks: Locks, host: Host): Plan {
  const { facts, runtime } = host
  const pins = new CpuPins({ commit, runtime })
  return new Plan({ commit, locks, host: facts, pins, subordinateIds: () => host.subordinateIds(), runtime })
}

/** What handlers see of the parts. */
export function servicesOf(parts: Parts, shutdown: Services['shutdown']): Services {
  const { images } = parts
  const extensions = announcedExtensions(routes, {
    instance: instanceKeys,
    project: projectKeys,
    server: serverKeys,
    network: Object.assign({}, ...networkTypes.map(({ keys }) => keys)) as Keys,
    ...Object.fromEntries(parts.kinds.map(({ kind, keys }) => [`device ${kind}`, keys])),
  })
  return {
    ...parts,
    extensions,
    findImage: async (project, source) => images.use(project, source),
    readMetrics: (project) => parts.metrics.read(project),
    shutdown,
  }
}

/** A profile's devices are checked as those of an instance that isn't there yet. */
function checkProfileDevices(kinds: readonly DeviceKind[], { project, name, devices }: ProfileRecord): void {
  const owner = { project, name, runtimeName: '', privileged: false, devices }
  checkDevices((config) => findKind(kinds, config), devices, { owner, inProfile: true })
}
