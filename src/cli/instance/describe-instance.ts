import type { InstanceFull, InstanceInterface, InstanceState } from '#client/instances.ts'

import { formatBytes, formatDecimalBytes, formatTime } from '../format.ts'
import { isPrivileged } from './is-privileged.ts'
import { renderTable } from '../table.ts'

/** What `info` prints of an instance. */
export function describeInstance(instance: InstanceFull): string {
  const { state } = instance
  const lines = [
    `Name: ${instance.name}`,
    `Status: ${instance.status.toUpperCase()}`,
    `Type: ${instance.type}${instance.ephemeral ? ' (ephemeral)' : ''}`,
    ...(isPrivileged(instance) ? ['Privileged: yes (root inside is root of the host)'] : []),
    `Architecture: ${instance.architecture}`,
    ...(instance.location === '' || instance.location === 'none' ? [] : [`Location: ${instance.location}`]),
    ...(state && state.pid !== 0 ? [`PID: ${state.pid}`] : []),
    ...time('Created', instance.created_at),
    ...time('Last Used', instance.last_used_at),
    ...(state && state.pid !== 0 ? ['', 'Resources:', ...resources(state)] : []),
  ]
  return `${lines.join('\n')}\n${snapshots(instance)}`
}

function time(what: string, value: string): string[] {
  const shown = formatTime(value)
  return shown === '' ? [] : [`${what}: ${shown}`]
}

function resources(state: InstanceState): string[] {
  const disks = Object.entries(state.disk ?? {}).filter(([, { usage }]) => usage !== 0)
  const links = Object.keys(state.network ?? {}).sort()
  return [
    `  Processes: ${state.processes}`,
    ...section(
      'Disk usage',
      disks.map(([name, { usage }]) => `${name}: ${formatBytes(usage)}`),
    ),
    ...section(
      'CPU usage',
      state.cpu.usage === 0 ? [] : [`CPU usage (in seconds): ${Math.floor(state.cpu.usage / 1e9)}`],
    ),
    ...section('Memory usage', memory(state.memory)),
    ...section(
      'Network usage',
      links.flatMap((name) => link(name, state.network![name]!)),
    ),
  ]
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${line}`)]
}

function memory({ usage, usage_peak, swap_usage, swap_usage_peak }: InstanceState['memory']): string[] {
  const amounts: readonly (readonly [string, number])[] = [
    ['Memory (current)', usage],
    ['Memory (peak)', usage_peak],
    ['Swap (current)', swap_usage],
    ['Swap (peak)', swap_usage_peak],
  ]
  return amounts.filter(([, amount]) => amount !== 0).map(([what, amount]) => `${what}: ${formatBytes(amount)}`)
}

function link(name: string, { type, state, host_name, hwaddr, mtu, counters, addresses }: InstanceInterface): string[] {
  return [
    `${name}:`,
    `  Type: ${type}`,
    `  State: ${state.toUpperCase()}`,
    ...(host_name === '' ? [] : [`  Host interface: ${host_name}`]),
    ...(hwaddr === '' ? [] : [`  MAC address: ${hwaddr}`]),
    ...(mtu === 0 ? [] : [`  MTU: ${mtu}`]),
    `  Bytes received: ${formatDecimalBytes(counters['bytes_received'] ?? 0)}`,
    `  Bytes sent: ${formatDecimalBytes(counters['bytes_sent'] ?? 0)}`,
    `  Packets received: ${counters['packets_received'] ?? 0}`,
    `  Packets sent: ${counters['packets_sent'] ?? 0}`,
    '  IP addresses:',
    ...(addresses ?? []).map(({ family, address, netmask, scope }) => {
      return `    ${`${family}:`.padEnd(6)} ${address}/${netmask} (${scope})`
    }),
  ]
}

function snapshots({ snapshots: all }: InstanceFull): string {
  if (all === null || all.length === 0) return ''
  const rows = all.map(({ name, created_at, expires_at, stateful }) => [
    name.split('/').at(-1)!,
    formatTime(created_at),
    formatTime(expires_at),
    stateful ? 'YES' : 'NO',
  ])
  return `\nSnapshots:\n${renderTable(['NAME', 'TAKEN AT', 'EXPIRES AT', 'STATEFUL'], rows)}`
}
