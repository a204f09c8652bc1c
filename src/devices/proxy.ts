import { lstat, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { badRequest, Failure } from '#base/failure.ts'
import { hostId, hostRoot } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import { readConfig } from '#config/config.ts'
import { bool, integer, keyType } from '#config/key.ts'
import { deleteTable, replaceChains, table } from '#firewall/nftables.ts'
import { isProxyChain, proxyChains, proxyRules } from '#firewall/proxy-rules.ts'
import type { BackgroundPrograms } from '#host/background-process.ts'
import type { Nft } from '#host/nft.ts'
import type { CheckContext, DeviceConfig, DeviceContext, DeviceKind } from './device.ts'
import { folderOf, forgetPlace, makeFolder } from './place.ts'
import { isWildcard, proxyAddress } from './proxy-address.ts'
import { pairPorts } from '#guest/proxy-request.ts'
import type { ProxyAddress, ProxyRequest } from '#guest/proxy-request.ts'
import { nodeMode } from './unix.ts'

/** What proxies need of the daemon. */
export interface ProxyParts {
  readonly programs: BackgroundPrograms
  readonly nft: Nft
  /** LXD_DIR/devices. */
  readonly devicesDirectory: string
}

const maxId = 2 ** 32 - 2
/** Who owns nothing: whoever connects to addresses needs to be no one else. */
const nobody = 65_534

const sides: Readonly<Record<string, 'host' | 'instance'>> = {
  host: 'host',
  instance: 'instance',
  guest: 'instance',
  container: 'instance',
}

const side = keyType(
  'choice',
  (text) => {
    const found = sides[text]
    if (!found) throw new Error(`Invalid value "${text}": expected host or instance`)
    return found
  },
  ['host', 'instance'],
)

const keys = {
  listen: proxyAddress({
    doc: `Where to listen: \`tcp:ADDRESS:PORTS\`, \`udp:ADDRESS:PORTS\`, \`unix:PATH\` or \`unix:@NAME\`.

Ports are numbers and ranges with commas between; an IPv6 address is in brackets.`,
  }),
  connect: proxyAddress({
    doc: 'Where to connect to, written as in `listen`: one port, or as many as there are there.',
  }),
  bind: side({ doc: 'The side that `listen` is on; `connect` is on the other.', default: 'host' }),
  uid: integer({ doc: 'The user that owns the socket listened on.', default: '0', min: 0, max: maxId }),
  gid: integer({ doc: 'The group that owns the socket listened on.', default: '0', min: 0, max: maxId }),
  mode: nodeMode({ doc: 'The permissions of the socket listened on.', default: '0644' }),
  nat: bool({
    doc: `Whether the packet filter does the work.

For TCP and UDP from the host to a static address of one of the instance's NICs.`,
    default: 'false',
  }),
  proxy_protocol: bool({
    doc: 'Whether a server that is connected to by TCP is told who the client is, by the PROXY protocol.',
    default: 'false',
  }),
  'security.uid': integer({
    doc: `The user who connects, of the side that is connected to.

Where not set, it is root for sockets with a path or name, and nobody for addresses.`,
    min: 0,
    max: maxId,
  }),
  'security.gid': integer({ doc: 'The group of who connects.', min: 0, max: maxId }),
}

type Proxy = Omit<ReturnType<typeof readConfig<typeof keys>>, 'listen' | 'connect'> & {
  readonly listen: ProxyAddress
  readonly connect: ProxyAddress
}

/** Connections from one side of an instance carried to the other. */
export function proxy(parts: ProxyParts): DeviceKind {
  return {
    kind: 'proxy',
    doc: `Connections to an address, path or name of the host carried to one of the instance, or the other way around.

A process of its own carries them, unless the packet filter does. It has no rights but to connect.`,
    keys,
    restriction: 'proxy',
    hotplug: true,
    check,
    async start(context, undo) {
      await stop(parts, context)
      if (readProxy(context.config).nat) await startNat(parts, context, undo)
      else if (context.pid !== undefined) await startProgram(parts, context, undo)
      return { lxc: [], volatile: {} }
    },
    async started(context, undo) {
      if (!readProxy(context.config).nat) await startProgram(parts, context, undo)
    },
    stop: (context) => stop(parts, context),
  }
}

function readProxy(config: DeviceConfig): Proxy {
  const { listen, connect, ...rest } = readConfig(keys, config)
  if (!listen) throw badRequest('Proxy entry is missing the required "listen" property')
  if (!connect) throw badRequest('Proxy entry is missing the required "connect" property')
  return { ...rest, listen, connect }
}

function check(config: DeviceConfig, context: CheckContext): void {
  const values = readProxy(config)
  const { listen, connect, nat } = values
  if ((listen.protocol === 'udp') !== (connect.protocol === 'udp')) {
    throw badRequest('"connect": Only UDP can be carried to UDP, and nothing else')
  }
  const [from, to] = [listen, connect].map((one) => (one.protocol === 'unix' ? 1 : one.ports.length))
  if (to !== 1 && from !== to) throw badRequest('"connect": Mismatch between listen port(s) and connect port(s) count')
  if (isWildcard(connect) && !nat) throw badRequest('"connect": Expected one address')
  if (values.proxy_protocol && (connect.protocol !== 'tcp' || nat)) {
    throw badRequest('The PROXY header can only be sent to tcp servers in non-nat mode')
  }
  if (!isPath(listen)) {
    const key = ['uid', 'gid', 'mode'].find((one) => config[one])
    if (key) throw badRequest('Only proxy devices for non-abstract unix sockets can carry uid, gid, or mode properties')
  }
  if (!nat) return
  if (values.bind !== 'host') throw badRequest('Only host-bound proxies can use NAT')
  if (listen.protocol === 'unix' || listen.protocol !== connect.protocol || listen.family !== connect.family) {
    throw badRequest('Proxying in NAT mode needs TCP or UDP, and addresses of one family, on both sides')
  }
  if (!context.inProfile) natTarget(connect, context.owner.devices)
}

/** The static address of the instance that packets go to. */
function natTarget(connect: ProxyAddress, devices: Readonly<Record<string, DeviceConfig>>): string {
  if (connect.protocol === 'unix') throw badRequest('Proxying in NAT mode needs addresses')
  const key = `ipv${connect.family}.address`
  const addresses = Object.values(devices).flatMap((one) => (one['type'] === 'nic' && one[key] ? [one[key]] : []))
  const found = addresses.find((one) => isWildcard(connect) || one === connect.address)
  if (found === undefined) {
    throw badRequest('Proxy connect IP cannot be used with any of the instance NICs static IPs')
  }
  return found
}

async function startNat({ nft }: ProxyParts, { owner, device, config }: DeviceContext, undo: Undo): Promise<void> {
  const { listen, connect } = readProxy(config)
  if (listen.protocol === 'unix') throw badRequest('Proxying in NAT mode needs addresses')
  const rules = proxyRules(owner.runtimeName, device, {
    family: listen.family,
    protocol: listen.protocol,
    listen: isWildcard(listen) ? undefined : listen.address,
    connect: natTarget(connect, owner.devices),
    ports: pairPorts(listen, connect),
  })
  const chains = proxyChains(owner.runtimeName, device)
  undo.add(`take the rules of proxy "${device}" away`, () => removeRules(nft, chains))
  await nft.apply(replaceChains(chains, rules))
}

async function removeRules(nft: Nft, chains: ReturnType<typeof proxyChains>): Promise<void> {
  const there = await nft.readChains({ family: 'inet', name: table })
  if (!chains.some(({ name }) => there.includes(name))) return
  await nft.apply(replaceChains(chains, []))
  if ((await nft.readChains({ family: 'inet', name: table })).length === 0) await nft.apply(deleteTable('inet'))
}

function markOf({ devicesDirectory }: Pick<ProxyParts, 'devicesDirectory'>, context: ProxyOf): string {
  return join(folderOf(devicesDirectory, context), `proxy.${context.device}`)
}

async function startProgram(parts: ProxyParts, context: DeviceContext, undo: Undo): Promise<void> {
  const mark = markOf(parts, context)
  const request = requestOf(context, mark)
  const paths = [request.listen, request.connect].some(({ address }) => address.protocol === 'unix')
  await using net = await open(`/proc/${context.pid}/ns/net`)
  await using mnt = await open(`/proc/${context.pid}/ns/mnt`)
  undo.add(`end proxy "${context.device}"`, () => stop(parts, context))
  if (request.listen.note !== undefined) await makeFolder(parts.devicesDirectory, context)
  try {
    await parts.programs.start({
      mark,
      main: fileURLToPath(new URL('../guest/proxy-main.ts', import.meta.url)),
      request,
      descriptors: [net.fd, mnt.fd],
      capabilities: [
        ...['sys_admin', 'setuid', 'setgid', 'setpcap', 'net_bind_service'],
        ...(paths ? ['sys_chroot', 'chown', 'dac_override', 'fowner'] : []),
      ],
    })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure('internal', `Failed to start proxy device "${context.device}": ${why}`)
  }
}

/** What the process is asked, with ids of the host: those of the side that they are used on. */
function requestOf({ config, idmap }: DeviceContext, mark: string): ProxyRequest {
  const values = readProxy(config)
  const { bind, listen, connect } = values
  const other = bind === 'host' ? 'instance' : 'host'
  const id = (of: 'uid' | 'gid', on: 'host' | 'instance', key: string, value: number): number => {
    const found = on === 'host' ? value : hostId(idmap, of, value)
    if (found === undefined) throw badRequest(`"${key}": The instance has no ${of} ${value}`)
    return found
  }
  const root = { uid: hostRoot(idmap, 'uid'), gid: hostRoot(idmap, 'gid') }
  const user = (of: 'uid' | 'gid'): number => {
    const wanted = values[`security.${of}`]
    if (wanted !== undefined) return id(of, other, `security.${of}`, wanted)
    return connect.protocol !== 'unix' ? nobody : other === 'host' ? 0 : root[of]
  }
  return {
    listen: {
      side: bind,
      address: listen,
      root: bind === 'host' ? { uid: 0, gid: 0 } : root,
      owner: { uid: id('uid', bind, 'uid', values.uid), gid: id('gid', bind, 'gid', values.gid) },
      mode: values.mode,
      note: bind === 'host' && isPath(listen) ? mark : undefined,
    },
    connect: { side: other, address: connect, ports: pairPorts(listen, connect) },
    proxyProtocol: values.proxy_protocol,
    user: { uid: user('uid'), gid: user('gid') },
  }
}

async function stop(parts: ProxyParts, context: DeviceContext): Promise<void> {
  const { listen, bind, nat } = readProxy(context.config)
  if (nat) return await removeRules(parts.nft, proxyChains(context.owner.runtimeName, context.device))
  const mark = markOf(parts, context)
  await parts.programs.stop(mark)
  if (bind !== 'host' || !isPath(listen)) return
  // Only the socket that this proxy made: the path may be somebody else's.
  const made = await readFile(mark, 'utf8').catch(() => '')
  const found = await lstat(listen.path).catch(() => {})
  if (found?.isSocket() && `${found.dev} ${found.ino}` === made) await rm(listen.path, { force: true })
  await forgetPlace(mark)
}

function isPath(address: ProxyAddress): address is ProxyAddress & { readonly protocol: 'unix' } {
  return address.protocol === 'unix' && !address.path.startsWith('@')
}

type ProxyOf = Pick<DeviceContext, 'owner' | 'device'>

/** Ends, at the start of the daemon, what carries connections for a proxy that no running instance has. */
export async function sweepProxies(
  { programs, nft, devicesDirectory }: ProxyParts,
  running: readonly DeviceContext['owner'][],
): Promise<void> {
  const proxies = running.flatMap((owner) =>
    Object.entries(owner.devices).flatMap(([device, { type }]) => (type === 'proxy' ? [{ owner, device }] : [])),
  )
  await programs.sweep(devicesDirectory, new Set(proxies.map((one) => markOf({ devicesDirectory }, one))))
  const known = new Set(
    proxies.flatMap(({ owner, device }) => proxyChains(owner.runtimeName, device)).map(({ name }) => name),
  )
  // A host without nft has no rules of ours, and runs instances all the same.
  const there = await nft.readChains({ family: 'inet', name: table }).catch(() => [])
  const stale = there.filter((name) => isProxyChain(name) && !known.has(name))
  if (stale.length > 0)
    await nft.apply(
      replaceChains(
        stale.map((name) => ({ family: 'inet', name })),
        [],
      ),
    )
}
