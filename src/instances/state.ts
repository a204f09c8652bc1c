import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { findRootDisk } from '#devices/check.ts'
import { readCgroupUsage } from '#host/cgroup-usage.ts'
import type { NamespaceLink, NamespaceLinks } from '#host/namespace-links.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { InstanceState, InstanceStateNetwork } from '#schema/instance.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Expanded } from './commit.ts'
import { runtimeName } from './instance-name.ts'
import { statusOf } from './instance-view.ts'

/** What reading the state of instances needs. */
export interface StateSources {
  readonly runtime: Runtime
  readonly volumes: {
    /** Bytes an instance's root holds, or undefined where that can not be told cheaply. */
    instanceUsage(record: InstanceRecord): Promise<number | undefined>
  }
  readonly namespaceLinks: NamespaceLinks
  readonly log: Log
}

/** The state of an instance as the API shows it: read from files of the kernel and netlink, by no program. */
export async function readState(expanded: Expanded, sources: StateSources): Promise<InstanceState> {
  const { runtime } = sources
  const name = runtimeName(expanded.record.project, expanded.record.name)
  const pid = runtime.initPid(name)
  const [network, disk] = await Promise.all([
    pid === undefined ? null : readNetwork(expanded, pid, sources),
    readDisk(expanded, sources),
  ])
  const usage = readCgroupUsage(runtime.cgroups(name))
  return {
    ...statusOf(runtime.status(name)),
    disk,
    memory: {
      usage: usage.memory.now,
      usage_peak: usage.memory.peak,
      swap_usage: usage.swap.now,
      swap_usage_peak: usage.swap.peak,
    },
    network,
    pid: pid ?? 0,
    processes: usage.processes ?? (pid === undefined ? 0 : -1),
    cpu: { usage: usage.cpu },
  }
}

async function readDisk({ record, devices }: Expanded, { volumes, log }: StateSources): Promise<InstanceState['disk']> {
  const root = findRootDisk(devices)
  if (!root) return {}
  try {
    const usage = await volumes.instanceUsage(record)
    return usage === undefined ? {} : { [root.name]: { usage } }
  } catch (error) {
    log.debug('Cannot read how much disk an instance uses', { instance: record.name, error: explain(error) })
    return {}
  }
}

async function readNetwork(
  expanded: Expanded,
  pid: number,
  { namespaceLinks, log }: StateSources,
): Promise<InstanceState['network']> {
  try {
    const links = await namespaceLinks.read(pid)
    if (!links) return null
    const hostNames = hostNamesOf(expanded)
    const shown = links
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((link) => [link.name, viewLink(link, hostNames.get(link.name) ?? '')] as const)
    return Object.fromEntries(shown)
  } catch (error) {
    log.warn('Cannot read the network of an instance', { instance: expanded.record.name, error: explain(error) })
    return null
  }
}

/** The names of the host's ends of network devices, by their names inside. */
function hostNamesOf({ record, devices }: Expanded): Map<string, string> {
  const names = new Map<string, string>()
  for (const [device, config] of Object.entries(devices)) {
    if (config['type'] !== 'nic') continue
    const inside = config['name'] || record.config[`volatile.${device}.name`] || device
    const host = record.config[`volatile.${device}.host_name`] || config['host_name']
    if (host) names.set(inside, host)
  }
  return names
}

/** An interface inside an instance, as the API shows it. */
export function viewLink({ flags, hwaddr, mtu, addresses, counters }: NamespaceLink, hostName: string) {
  return {
    addresses: addresses.map(({ family, address, prefix, scope }) => ({
      family: family === 4 ? 'inet' : 'inet6',
      address,
      netmask: String(prefix),
      scope: scope === 'host' ? 'local' : address.startsWith('169.254.') ? 'link' : scope,
    })),
    counters: {
      bytes_received: counters.bytesReceived,
      bytes_sent: counters.bytesSent,
      packets_received: counters.packetsReceived,
      packets_sent: counters.packetsSent,
      errors_received: counters.errorsReceived,
      errors_sent: counters.errorsSent,
      packets_dropped_outbound: counters.droppedSent,
      packets_dropped_inbound: counters.droppedReceived,
    },
    hwaddr: flags.includes('LOOPBACK') ? '' : hwaddr,
    host_name: hostName,
    mtu,
    state: flags.includes('UP') ? 'up' : 'down',
    type: linkType(flags),
  } satisfies InstanceStateNetwork
}

function linkType(flags: NamespaceLink['flags']): string {
  if (flags.includes('LOOPBACK')) return 'loopback'
  if (flags.includes('POINTOPOINT')) return 'point-to-point'
  return flags.includes('BROADCAST') ? 'broadcast' : 'unknown'
}
