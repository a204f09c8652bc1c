import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { routes } from '#api/all.ts'
import { Connections } from '#auth/connections.ts'
import { OpenSessions } from '#auth/open-sessions.ts'
import { withMetrics } from '#auth/identity.ts'
import { LocalAdmission } from '#auth/local-admission.ts'
import { LocalUsers } from '#auth/local-users.ts'
import { IdentityResolver } from '#auth/resolver.ts'
import { isMetrics } from '#api/http-listener.ts'
import type { Api } from '#api/http-listener.ts'
import { listenUnix } from '#api/listen-unix.ts'
import { makeRouter } from '#api/router.ts'
import type { RouterOptions } from '#api/router.ts'
import type { Services } from '#api/services.ts'
import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { autostart, stopAll } from '#instances/autostart.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { PrivilegedWarnings } from '#instances/privileged-warnings.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { makeDirectories } from './directories.ts'
import type { Host } from './host.ts'
import { makeParts, servicesOf } from './parts.ts'
import type { Parts } from './parts.ts'
import { repeat } from './repeat.ts'
import { UserSocket } from './user-socket.ts'

export interface DaemonOptions {
  /** LXD_DIR. */
  readonly directory: string
  readonly log: Log
  readonly host: Host
  /** The group that may use the socket, by id. */
  readonly gid: number
  /** A listening Unix socket opened by systemd, instead of LXD_DIR/unix.socket. */
  readonly descriptor?: number | undefined
  /** Called when a client asked the daemon to stop and the instances are down. */
  readonly onShutdown?: () => void
}

/** A running daemon. Disposing it closes its sockets and files and leaves the instances running. */
export interface Daemon extends AsyncDisposable {
  /** Reads again what administrators may have put into LXD_DIR: the server's certificate. */
  reload(): Promise<void>
  readonly api: Api
  readonly services: Services
}

/** Starts the daemon. Reading it gives the order; stopping goes the other way, also where starting fails. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { directory, host } = options
  const started = Date.now()
  await using stack = new AsyncDisposableStack()
  await makeDirectories(directory)

  const store = stack.use(openSqliteStore(join(directory, 'database', 'lxd.db')))
  const parts = await makeParts({ directory, log: options.log, store, host })
  stack.defer(() => parts.warnings.flush())
  await parts.audit.start()
  stack.use(parts.audit)
  stack.use(repeat({ name: 'Pruning warnings', pause: 3_600_000, log: parts.log, work: () => parts.warnings.prune() }))
  stack.defer(async () => {
    await parts.operations.finish(operationsGrace)
    await parts.downloads.settle()
  })
  const shutdown = makeShutdown(parts, options)
  const services = servicesOf(parts, shutdown)
  let ready = false
  const { api, local, userSocket } = await serve(options, parts, services, () => ready)
  stack.use(local)
  stack.use(watchTrust(parts, api))
  if (options.descriptor === undefined) stack.defer(() => rm(socketOf(directory), { force: true }))

  await harden(host, parts)
  await startParts(parts)
  stack.use(new PrivilegedWarnings(parts)).look()
  stack.defer(() => stopParts(parts))
  stack.use(userSocket)
  await userSocket.start()
  stack.use(parts.listeners)
  await parts.listeners.start(api)
  parts.trustPassword.start()
  await parts.warnings.flush()
  // What an earlier run met and this one didn't is over.
  parts.warnings.resolveOlderThan(started)
  ready = true
  parts.log.info('The daemon is ready')
  const imagesDue = () => parts.imageRefresh.doWhatIsDue()
  stack.use(repeat({ name: 'Looking after images', pause: 600_000, log: parts.log, work: imagesDue }))
  const booting = new AbortController()
  const booted = autostart(parts, booting.signal)
  stack.defer(async () => {
    booting.abort()
    await booted
  })

  const running = stack.move()
  return { api, services, reload: () => parts.listeners.reload(), [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Ends what goes on for clients whose certificates have been revoked or have expired. */
function watchTrust({ log, pki }: Parts, { options: { sessions } }: Api): Disposable {
  const work = async () => {
    await pki.refresh()
    sessions?.recheck()
  }
  return repeat({ name: 'Checking certificates', pause: 2000, log, work })
}

/** How long a stopping daemon waits for its operations to end, in milliseconds. */
const operationsGrace = 10_000

/** How long it waits for deleted files to go; the next start sees to the rest. */
const deletionGrace = 10_000

function socketOf(directory: string): string {
  return join(directory, 'unix.socket')
}

async function serve(options: DaemonOptions, parts: Parts, services: Services, ready: () => boolean) {
  const { directory, gid, descriptor } = options
  const { store, access, groups, log, remoteClients, oidc, onFailure } = parts
  const localUsers = new LocalUsers({ store, access, groups, log, run: options.host.run, gid })
  const connections = new Connections({ admit: new LocalAdmission(localUsers).admit })
  const resolver = new IdentityResolver({ connections, localUsers, remoteClients, oidc, onFailure })
  const routerOptions: RouterOptions = {
    routes,
    services,
    log: parts.log,
    ready,
    identify: async (request) => {
      const identity = await resolver.resolve(request)
      if (identity.method !== 'none') parts.listeners.trust(request.socket)
      return parts.listeners.metricsForAll && isMetrics(request) ? withMetrics(identity) : identity
    },
    projects: parts.projects,
    challenge: () => oidc.challenge(),
    sessions: new OpenSessions(store),
    audit: parts.audit,
  }
  const app = makeRouter(routerOptions)
  await app.ready()
  const api: Api = { app, options: routerOptions, connections, browsers: () => parts.listeners.browsers() }
  const where = descriptor === undefined ? { path: socketOf(directory), gid, mode: 0o660 } : { descriptor }
  const userSocket = new UserSocket({ api, users: localUsers, store, log, path: join(directory, 'unix.socket.user') })
  return { api, userSocket, local: await listenUnix(api, { door: 'unix', ...where }) }
}

/** Before anything runs that could read what is taken away. */
async function harden(host: Host, { serverConfig, warnings }: Parts): Promise<void> {
  if (!serverConfig.values()['core.host_hardening']) return
  const failed = await host.harden()
  if (failed.length === 0) return
  const message = `Containers can read of each other in ${failed.map(({ path, error }) => `${path} (${error})`).join(', ')}`
  warnings.raise({ type: 'Host is not hardened', message })
}

/** Brings the host in line with the store: what a crash left half made goes, what runs is taken up. */
async function startParts(parts: Parts): Promise<void> {
  const { projects, pools, networks, images, lifecycle, instances, commit, runtime } = parts
  await projects.start()
  await images.start()
  await Promise.all([pools.start(), networks.start()])
  lifecycle.listen()
  await runtime.adopt(commit.listAll().map(({ project, name }) => runtimeName(project, name)))
  await lifecycle.reconcile()
  await parts.sweepDevices()
  await instances.sweep()
  await pools.reconcile(new Set(running(parts)))
}

function running({ commit, runtime }: Parts): string[] {
  const names = commit.listAll().map(({ project, name }) => runtimeName(project, name))
  return names.filter((name) => runtime.status(name) !== 'stopped')
}

/** Lets go of everything. What only instances need is taken down where none runs. */
async function stopParts(parts: Parts): Promise<void> {
  parts.lifecycle.close()
  await parts.files.close()
  parts.guestApi.closeAll()
  await parts.runtime.close()
  try {
    await parts.networks.stop()
    const stop = new AbortController()
    await Promise.race([parts.pools.settle(), sleep(deletionGrace, undefined, { signal: stop.signal })])
    stop.abort()
    if (running(parts).length === 0) await parts.pools.unmountAll()
  } catch (error) {
    parts.log.error('Cannot take everything down', { error: explain(error) })
  }
}

function makeShutdown(parts: Parts, options: DaemonOptions): Services['shutdown'] {
  return async ({ force, timeout }) => {
    if (!force) await parts.operations.finish(timeout > 0 ? timeout : 5 * 60_000)
    await stopAll(parts)
    // The client is answered first, and then has no one left to talk to.
    setImmediate(() => options.onShutdown?.())
  }
}
