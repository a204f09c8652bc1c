/**
 * Carries connections from one side of an instance to the other: a process of its own for each proxy device, see
 * `devices/proxy.ts`. It listens on one side, moves to the other, gives up its rights, and from then on only connects.
 */
import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, lchownSync, lstatSync, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { connect, createServer, isIPv6 } from 'node:net'
import type { Server, Socket } from 'node:net'
import { capabilities, enterMountNamespace, enterNetworkNamespace } from '#host/syscalls.ts'
import { keepCapabilities, withCredentials } from '#host/syscalls.ts'
import type { ProxyRequest } from './proxy-request.ts'
import { proxyHeader, socketName, targetOf } from './proxy-request.ts'

/** Bounds on what one proxy holds open. */
const maxConnections = 4096
const maxSessions = 1024
/** Milliseconds after which an exchange of datagrams is over that nobody went on with. */
const sessionTime = 60_000

/** What it takes to make a socket in a directory of anybody, and to give it away. */
const fileCapabilities = [capabilities.chown, capabilities.dacOverride, capabilities.fowner]

const instanceNamespaces = { net: 3, mnt: 4 }
const hostNamespaces = { net: openSync('/proc/self/ns/net', 'r'), mnt: openSync('/proc/self/ns/mnt', 'r') }

const request = JSON.parse(process.argv[3] ?? '') as ProxyRequest
const { listen, connect: target } = request

function enter(side: 'host' | 'instance', withPaths: boolean): void {
  const namespaces = side === 'host' ? hostNamespaces : instanceNamespaces
  enterNetworkNamespace(namespaces.net)
  if (withPaths) enterMountNamespace(namespaces.mnt)
}

function isPath(address: ProxyRequest['listen']['address']): boolean {
  return address.protocol === 'unix' && !address.path.startsWith('@')
}

// --- streams ---------------------------------------------------------------------------------------------------------

function carry(client: Socket, port: number): void {
  const to = targetOf(target, port)
  const upstream = connect({ ...to, allowHalfOpen: true, keepAlive: true })
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', () => other.destroy())
    // What is on its way to the other side still gets there.
    one.on('close', () => other.destroySoon())
  }
  upstream.once('connect', () => {
    if (request.proxyProtocol) upstream.write(proxyHeader(client))
    client.pipe(upstream)
    upstream.pipe(client)
  })
}

async function listenForStreams(where: object, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, keepAlive: true }, (client) =>
    carry(client, port),
  )
  server.maxConnections = maxConnections
  server.listen(where)
  await once(server, 'listening')
  // A connection that could not be taken, for lack of descriptors say, is no reason to end.
  server.on('error', () => {})
  return server
}

/** Binds a path with its owner and mode, as whom the file is to be made. */
async function listenAtPath(path: string): Promise<void> {
  const { root, owner, mode } = request.listen
  process.umask(0o777 & ~mode)
  let started: Promise<Server> | undefined
  // The file is made while this runs: the rest is being told of it.
  withCredentials(root, fileCapabilities, () => {
    removeStale(path)
    started = listenForStreams({ path }, 0)
  })
  await started
  process.umask(0o77)
  withCredentials(root, fileCapabilities, () => lchownSync(path, owner.uid, owner.gid))
  if (request.listen.note === undefined) return
  const { dev, ino } = lstatSync(path)
  writeFileSync(request.listen.note, `${dev} ${ino}`, { mode: 0o600 })
}

/** Inside, a socket that a proxy before left behind goes. On the host that is the daemon's to do, who knows its own. */
function removeStale(path: string): void {
  if (listen.side === 'host') return
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

// --- datagrams -------------------------------------------------------------------------------------------------------

interface Session {
  readonly socket: DatagramSocket
  readonly timer: NodeJS.Timeout
}

async function listenForDatagrams(address: string, family: 4 | 6, port: number): Promise<void> {
  const sessions = new Map<string, Session>()
  const found = targetOf(target, port)
  if (!('port' in found)) throw new Error('Datagrams are carried to addresses only')
  const to = found
  const server = createSocket(`udp${family}`)
  server.bind(port, address)
  await once(server, 'listening')
  server.on('error', () => {})
  server.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`
    const session = sessions.get(key) ?? open(key, from)
    session.timer.refresh()
    session.socket.send(message, to.port, to.host, () => {})
  })

  function open(key: string, from: RemoteInfo): Session {
    const [oldest] = sessions.size >= maxSessions ? sessions.keys() : []
    if (oldest !== undefined) end(oldest)
    const socket = createSocket(isIPv6(to.host) ? 'udp6' : 'udp4')
    const session: Session = { socket, timer: setTimeout(() => end(key), sessionTime) }
    sessions.set(key, session)
    socket.on('error', () => end(key))
    socket.on('message', (message, { address: host, port: number }) => {
      if (host !== to.host || number !== to.port) return
      session.timer.refresh()
      server.send(message, from.port, from.address, () => {})
    })
    return session
  }

  function end(key: string): void {
    const session = sessions.get(key)
    if (!session) return
    sessions.delete(key)
    clearTimeout(session.timer)
    session.socket.close()
  }
}

// --- the whole -------------------------------------------------------------------------------------------------------

async function listenOn(): Promise<void> {
  const { address } = listen
  if (address.protocol === 'unix') {
    if (isPath(address)) await listenAtPath(address.path)
    else await listenForStreams({ path: socketName(address.path) }, 0)
    return
  }
  for (const port of address.ports) {
    if (address.protocol === 'udp') await listenForDatagrams(address.address, address.family, port)
    else await listenForStreams({ host: address.address, port }, port)
  }
}

function drop({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  process.setgroups?.([])
  process.setgid?.(gid)
  process.setuid?.(uid)
  // Root of the host keeps what lets it use sockets of others.
  if (uid === 0) keepCapabilities(isPath(target.address) ? [capabilities.dacOverride] : [])
}

try {
  const paths = { listen: isPath(listen.address), connect: isPath(target.address) }
  if (listen.side === 'instance') enter('instance', paths.listen)
  await listenOn()
  // The instance's files are left where they were entered, and only entered where there is something to reach.
  if (target.side !== listen.side) enter(target.side, paths.connect || (listen.side === 'instance' && paths.listen))
  for (const descriptor of [...Object.values(instanceNamespaces), ...Object.values(hostNamespaces)]) {
    closeSync(descriptor)
  }
  drop(request.user)
  process.on('uncaughtException', () => {})
  writeSync(1, 'ready\n')
} catch (error) {
  writeSync(1, `${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
