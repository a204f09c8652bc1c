import type { Server } from 'node:http'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { routes } from '#api/all.ts'
import { announcedExtensions } from '#api/extensions.ts'
import { listenUnix, makeServer } from '#api/listener.ts'
import { makeRouter } from '#api/router.ts'
import type { RouterOptions } from '#api/router.ts'
import type { Services } from '#api/services.ts'
import type { Log } from '#base/log.ts'
import type { Keys } from '#config/key.ts'
import { serverKeys } from '#config/server-keys.ts'
import { deviceKinds, findKind } from '#devices/all.ts'
import { checkDevices } from '#devices/check.ts'
import type { DeviceKind } from '#devices/device.ts'
import { Events } from '#events/events.ts'
import { findAccount } from '#host/accounts.ts'
import { hostDaemons } from '#host/daemons.ts'
import { releaseDhcp } from '#host/dhcp-release.ts'
import { hostLinks } from '#host/links.ts'
import { hostNft } from '#host/nft.ts'
import { run } from '#host/run.ts'
import { hostSysctls } from '#host/sysctls.ts'
import { Images } from '#images/images.ts'
import type { ImageQuery } from '#images/images.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { Networks } from '#networks/networks.ts'
import type { NetworksOptions } from '#networks/networks.ts'
import { networkTypes } from '#networks/types/all.ts'
import { Operations } from '#operations/operations.ts'
import { defaultProfileOf } from '#profiles/default-profile.ts'
import { Profiles } from '#profiles/profiles.ts'
import { projectKeys } from '#projects/project-keys.ts'
import { Projects } from '#projects/projects.ts'
import { thisMachine } from '#server/resources/machine.ts'
import { readResources } from '#server/resources/resources.ts'
import { ServerConfig } from '#server/server-config.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { ProfileRecord } from '#store/profile-record.ts'
import { identifyLocal } from './identify.ts'
import { makeDirectories } from './directories.ts'
import { makeStorage } from './make-storage.ts'

export interface DaemonOptions {
  /** LXD_DIR. */
  readonly directory: string
  readonly log: Log
  /** The group that may use the socket, by id. */
  readonly gid: number
  /** A listening Unix socket opened by systemd, instead of LXD_DIR/unix.socket. */
  readonly descriptor?: number | undefined
  /** Called when a client asked the daemon to stop and the instances are down. */
  readonly onShutdown?: () => void
}

/** A running daemon. Disposing it closes its sockets and files and leaves the instances running. */
export interface Daemon extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly services: Services
}

/** Puts all parts together. Reading it gives the order of starting; stopping goes the other way. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { directory, log } = options
  await using parts = new AsyncDisposableStack()
  await makeDirectories(directory)

  const store = parts.use(openSqliteStore(join(directory, 'database', 'lxd.db')))
  const events = new Events({ log })
  const operations = new Operations({ events, log })
  const shared = { store, events, log }
  const projects = new Projects({ store, events, belongings: defaultProfileOf(store) })
  const serverConfig = new ServerConfig({ store, events })
  const storage = parts.use(makeStorage({ ...shared, directory }))
  const links = hostLinks()
  const networks = await makeNetworks({ ...shared, directory, links })
  const kinds = deviceKinds({ ...storage, networks, links })
  const profiles = new Profiles({
    ...shared,
    projects,
    instanceKeys,
    checkDevices: (profile) => checkProfileDevices(kinds, profile),
  })
  await projects.start()
  const images = new Images({
    ...shared,
    directory: join(directory, 'images'),
    run,
    projects,
    profiles,
    onUnused: (fingerprint) => storage.pools.deleteImage(fingerprint),
  })
  await images.start()
  await storage.pools.start()
  await networks.start()

  const extensions = extensionsFor(kinds)

  let ready = false
  // The parts that are missing here are wired as they land.
  const services = {
    events,
    extensions,
    findImage: async (project: string, source: ImageQuery) => images.use(project, source),
    images,
    networks,
    operations,
    pools: storage.pools,
    profiles,
    projects,
    readResources: async () => await readResources(await thisMachine()),
    serverConfig,
  } as unknown as Services
  const app = await openApi(options, parts, {
    routes,
    services,
    log,
    ready: () => ready,
    identify: identifyLocal(),
    checkProject: (name) => projects.check(name),
  })

  ready = true
  log.info('The daemon is ready')
  const running = parts.move()
  return { app, services, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** The API extensions that our routes and keys amount to. */
function extensionsFor(kinds: readonly DeviceKind[]): readonly string[] {
  return announcedExtensions(routes, {
    instance: instanceKeys,
    project: projectKeys,
    server: serverKeys,
    network: Object.assign({}, ...networkTypes.map(({ keys }) => keys)) as Keys,
    ...Object.fromEntries(kinds.map(({ kind, keys }) => [`device ${kind}`, keys])),
  })
}

/** Networks on this host, with what they act by. */
async function makeNetworks(
  options: Pick<NetworksOptions, 'store' | 'events' | 'log' | 'directory' | 'links'>,
): Promise<Networks> {
  return new Networks({
    ...options,
    sysctls: hostSysctls,
    nft: hostNft(),
    daemons: hostDaemons(),
    releaseDhcp,
    account: await findAccount(run, ['lxd', 'nobody']),
  })
}

/** Serves the API on the Unix socket, until `parts` are taken down. */
async function openApi(
  { directory, descriptor, gid }: DaemonOptions,
  parts: AsyncDisposableStack,
  routerOptions: RouterOptions,
): Promise<FastifyInstance> {
  const app = makeRouter(routerOptions)
  await app.ready()
  const server = makeServer(app, routerOptions)
  parts.defer(() => closeServer(server))
  const path = join(directory, 'unix.socket')
  await listenUnix(server, descriptor === undefined ? { path, gid } : { descriptor })
  if (descriptor === undefined) parts.defer(() => rm(path, { force: true }))
  return app
}

/** A profile's devices are checked as those of an instance that isn't there yet. */
function checkProfileDevices(kinds: readonly DeviceKind[], { project, name, devices }: ProfileRecord): void {
  const owner = { project, name, runtimeName: '', privileged: false, devices }
  checkDevices((config) => findKind(kinds, config), devices, { owner, inProfile: true })
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  await promise
}
