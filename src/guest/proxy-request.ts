/** One end of a proxy. Ports are those of the configuration, in its order. */
export type ProxyAddress =
  | {
      readonly protocol: 'tcp' | 'udp'
      readonly family: 4 | 6
      readonly address: string
      readonly ports: readonly number[]
    }
  /** A path, or an abstract name with `@` before it. */
  | { readonly protocol: 'unix'; readonly path: string }

interface Ids {
  readonly uid: number
  readonly gid: number
}

/** What `proxy-main.ts` is asked to do. All ids are of the host. */
export interface ProxyRequest {
  readonly listen: {
    readonly side: 'host' | 'instance'
    readonly address: ProxyAddress
    /** As whom the file of a socket is made, whom it is given to then, and its permissions. */
    readonly root: Ids
    readonly owner: Ids
    readonly mode: number
    /** The file that is to say which socket was made on the host: its device and inode. */
    readonly note: string | undefined
  }
  readonly connect: {
    readonly side: 'host' | 'instance'
    readonly address: ProxyAddress
    /** The ports that are listened on, each by the port it is connected to. */
    readonly ports: readonly (readonly [from: number, to: number])[]
  }
  readonly proxyProtocol: boolean
  /** As whom connections are made. */
  readonly user: Ids
}

/** The name of a socket as Node takes it: an abstract one begins with a zero byte. */
export function socketName(path: string): string {
  return path.startsWith('@') ? `\0${path.slice(1)}` : path
}

/** Where what came in on `port` goes to. */
export function targetOf(
  { address, ports }: ProxyRequest['connect'],
  port: number,
): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.protocol === 'unix') return { path: socketName(address.path) }
  const to = ports.find(([from]) => from === port)?.[1] ?? address.ports[0] ?? 0
  return { host: address.address, port: to }
}

/** Which of the ports of `connect` each of `listen` leads to: the one there is, or that at the same place. */
export function pairPorts(listen: ProxyAddress, connect: ProxyAddress): (readonly [from: number, to: number])[] {
  if (connect.protocol === 'unix') return []
  const from = listen.protocol === 'unix' ? [0] : listen.ports
  return from.map((port, index) => [port, connect.ports[connect.ports.length === 1 ? 0 : index] ?? 0] as const)
}

/** The addresses of a connection, as its sockets have them. */
export interface ConnectionEnds {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** The line that tells a server who the client is: version 1 of the PROXY protocol by HAProxy. */
export function proxyHeader({ remoteAddress, remotePort, localAddress, localPort }: ConnectionEnds): string {
  if (remoteAddress === undefined || localAddress === undefined) return 'PROXY UNKNOWN\r\n'
  const [source, destination] = [remoteAddress, localAddress].map((text) => text.replace(/^::ffff:(?=\d+\.)/, ''))
  const family = source?.includes(':') ? 'TCP6' : 'TCP4'
  return `PROXY ${family} ${source} ${destination} ${remotePort} ${localPort}\r\n`
}
