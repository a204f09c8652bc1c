import { badRequest } from '#base/failure.ts'
import { parseSize } from '#base/size.ts'
import type { InstanceFull } from '#client/instances.ts'

import { formatBytes, formatTime } from '../format.ts'
import { isPrivileged } from './is-privileged.ts'

/** A column of a list of instances. */
export interface Column {
  /** Its letter, if it is one of the predefined. */
  readonly letter?: string
  readonly header: string
  readonly show: (instance: InstanceFull) => string
  /** Whether it shows what only `recursion=2` has. */
  readonly needsState: boolean
}

const FROZEN = 110
const RUNNING = 103

type Definition = readonly [header: string, show: Column['show'], needsState?: 'state']

const letters: Readonly<Record<string, Definition>> = {
  '4': ['IPV4', (instance) => addresses(instance, 'inet'), 'state'],
  '6': ['IPV6', (instance) => addresses(instance, 'inet6'), 'state'],
  a: ['ARCHITECTURE', ({ architecture }) => architecture],
  b: ['STORAGE POOL', rootPool],
  c: ['CREATED AT', ({ created_at }) => formatTime(created_at)],
  d: ['DESCRIPTION', ({ description }) => description],
  D: ['DISK USAGE', diskUsage, 'state'],
  e: ['PROJECT', ({ project }) => project],
  f: ['BASE IMAGE', ({ config }) => (config['volatile.base_image'] ?? '').slice(0, 12)],
  F: ['BASE IMAGE', ({ config }) => config['volatile.base_image'] ?? ''],
  l: ['LAST USED AT', ({ last_used_at }) => formatTime(last_used_at)],
  L: ['LOCATION', ({ location }) => location],
  m: ['MEMORY USAGE', memoryUsage, 'state'],
  M: ['MEMORY USAGE%', memoryPercent, 'state'],
  n: ['NAME', ({ name }) => name],
  N: ['PROCESSES', processes, 'state'],
  p: ['PID', ({ state }) => (state && state.pid > 0 ? String(state.pid) : ''), 'state'],
  P: ['PROFILES', ({ profiles }) => (profiles ?? []).join('\n')],
  r: ['PRIVILEGED', (instance) => (isPrivileged(instance) ? 'YES' : 'NO')],
  s: ['STATE', ({ status }) => status.toUpperCase()],
  S: ['SNAPSHOTS', ({ snapshots }) => String(snapshots?.length ?? 0), 'state'],
  t: ['TYPE', typeOf],
  u: ['CPU USAGE', cpuUsage, 'state'],
}

/** The namespaces instance configuration keys are in, and the keys outside of them that are well known. */
const KEY =
  /^(?:user|image|cloud-init|environment|linux\.sysctl|limits\.kernel|limits\.hugepages)\.[^:]+$|^volatile\.[a-z_-]+\.[^:]+$|^(?:boot|cluster|limits|migration|nvidia|raw|security|snapshots|volatile)\.[\w.]+$/

/** Reads what `-c` says. Throws naming the part that is wrong. */
export function parseColumns(text: string): Column[] {
  return text.split(',').flatMap((entry) => {
    if (entry === '') throw badRequest(`Empty column entry (redundant, leading or trailing command) in '${text}'`)
    if (!entry.includes('.')) return Array.from(entry, (letter) => letterColumn(letter, entry))
    return [keyColumn(entry)]
  })
}

function letterColumn(letter: string, entry: string): Column {
  const definition = Object.hasOwn(letters, letter) ? letters[letter] : undefined
  if (definition === undefined) throw badRequest(`Unknown column shorthand char '${letter}' in '${entry}'`)
  const [header, show, needsState] = definition
  return { letter, header, show, needsState: needsState === 'state' }
}

function keyColumn(entry: string): Column {
  const parts = entry.split(':')
  const kind = parts[0] === 'config' || parts[0] === 'devices' ? parts.shift()! : 'config'
  if (parts.length > 3) throw badRequest(`Invalid config key column format (too many fields): '${entry}'`)

  const [key = '', name, width] = parts
  if (kind === 'config' && !KEY.test(key)) throw badRequest(`Invalid config key '${key}' in '${entry}'`)
  if (name === '' && width === undefined) {
    throw badRequest(`Invalid name in '${entry}', empty string is only allowed when defining maxWidth`)
  }

  const header = titleOf(name ?? key)
  const limit = readWidth(width, entry)
  const most = limit === 0 ? header.length : limit
  const show = kind === 'config' ? configValue(key) : deviceValue(key, entry)
  return {
    header,
    needsState: false,
    show: (instance) => (most < 0 ? show(instance) : Array.from(show(instance)).slice(0, most).join('')),
  }
}

function readWidth(text: string | undefined, entry: string): number {
  if (text === undefined) return -1
  if (!/^-?\d{1,6}$/.test(text)) throw badRequest(`Invalid max width (must be an integer) '${text}' in '${entry}'`)
  if (Number(text) < -1) {
    throw badRequest(`Invalid max width (must -1, 0 or a positive integer) '${text}' in '${entry}'`)
  }
  return Number(text)
}

/** Headers are upper case, with spaces where keys have points and underscores. */
function titleOf(name: string): string {
  return name.replaceAll(/_|\.(?!\d)|(?<!\d)\./g, ' ').toUpperCase()
}

function configValue(key: string): Column['show'] {
  return ({ config, expanded_config }) => expanded_config?.[key] ?? config[key] ?? ''
}

function deviceValue(key: string, entry: string): Column['show'] {
  const dot = key.indexOf('.')
  if (dot < 0) throw badRequest(`Invalid device key '${key}' in '${entry}'`)
  const [device, property] = [key.slice(0, dot), key.slice(dot + 1)]
  return ({ expanded_devices }) => expanded_devices?.[device]?.[property] ?? ''
}

function isActive({ status_code }: InstanceFull): boolean {
  return status_code === RUNNING || status_code === FROZEN
}

function addresses(instance: InstanceFull, family: string): string {
  if (!isActive(instance)) return ''
  const shown: string[] = []
  for (const [name, link] of Object.entries(instance.state?.network ?? {})) {
    if (link.type === 'loopback') continue
    for (const { family: its, scope, address } of link.addresses ?? []) {
      if (its === family && scope !== 'link' && scope !== 'local') shown.push(`${address} (${name})`)
    }
  }
  return shown.sort().reverse().join('\n')
}

function rootPool({ expanded_devices }: InstanceFull): string {
  const root = Object.values(expanded_devices ?? {}).find(({ type, path }) => type === 'disk' && path === '/')
  return root?.['pool'] ?? ''
}

function diskUsage({ state }: InstanceFull): string {
  const usage = state?.disk?.['root']?.usage ?? 0
  return usage > 0 ? formatBytes(usage) : ''
}

function memoryUsage(instance: InstanceFull): string {
  const usage = instance.state?.memory.usage ?? 0
  return isActive(instance) && usage > 0 ? formatBytes(usage) : ''
}

function memoryPercent(instance: InstanceFull): string {
  const usage = instance.state?.memory.usage ?? 0
  const limit = instance.expanded_config?.['limits.memory']
  if (!isActive(instance) || usage <= 0 || limit === undefined) return ''

  const bytes = limit.endsWith('%') ? 0 : parseSize(limit)
  return bytes > 0 ? `${((usage / bytes) * 100).toFixed(1)}%` : ''
}

function processes(instance: InstanceFull): string {
  return isActive(instance) && instance.state ? String(instance.state.processes) : ''
}

function cpuUsage(instance: InstanceFull): string {
  return isActive(instance) && instance.state ? `${Math.floor(instance.state.cpu.usage / 1e9)}s` : ''
}

function typeOf({ type, ephemeral }: InstanceFull): string {
  const shown = (type || 'container').toUpperCase()
  return ephemeral ? `${shown} (EPHEMERAL)` : shown
}
