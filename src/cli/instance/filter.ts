import { isIP } from 'node:net'

import type { InstanceFull } from '#client/instances.ts'

/** Whether an instance matches every one of the filters a user gave. */
export function matchesAll(instance: InstanceFull, filters: readonly string[]): boolean {
  return filters.every((filter) => matches(instance, filter))
}

function matches(instance: InstanceFull, filter: string): boolean {
  const equals = filter.indexOf('=')
  if (equals < 0) return matchesName(instance.name, filter)

  const key = filter.slice(0, equals)
  const value = filter.slice(equals + 1)
  const property = Object.hasOwn(properties, key.toLowerCase()) ? properties[key.toLowerCase()] : undefined
  if (property !== undefined) return value.split(',').some((one) => property(instance, one))
  return matchesConfig(instance.expanded_config ?? instance.config, key, value)
}

function matchesName(name: string, filter: string): boolean {
  return name.startsWith(filter) || matchesWhole(name, filter)
}

/** A text that is no regular expression matches nothing but itself. */
function matchesWhole(text: string, expression: string): boolean {
  if (text === expression) return true
  try {
    return new RegExp(`^(?:${expression})$`).test(text)
  } catch {
    return false
  }
}

const properties: Readonly<Record<string, (instance: InstanceFull, value: string) => boolean>> = {
  name: ({ name }, value) => matchesWhole(name, value),
  type: ({ type }, value) => type.toLowerCase() === value.toLowerCase(),
  status: ({ status }, value) => status.toLowerCase() === value.toLowerCase(),
  architecture: ({ architecture }, value) => architecture.toLowerCase() === value.toLowerCase(),
  location: ({ location }, value) => location.toLowerCase() === value.toLowerCase(),
  ipv4: (instance, value) => hasAddress(instance, 'inet', value),
  ipv6: (instance, value) => hasAddress(instance, 'inet6', value),
}

function hasAddress({ state }: InstanceFull, family: string, wanted: string): boolean {
  if (wanted === '') return true
  const [network = '', length] = wanted.split('/')
  if (isIP(network) !== (family === 'inet' ? 4 : 6)) return false

  const bits = family === 'inet' ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > bits) return false

  const links = Object.values(state?.network ?? {})
  const has = links.flatMap(({ addresses }) => addresses ?? []).filter((address) => address.family === family)
  return has.some(({ address }) => beginning(address, prefix) === beginning(network, prefix))
}

function beginning(address: string, length: number): string {
  return toBits(address).slice(0, length)
}

function toBits(address: string): string {
  if (isIP(address) === 4) {
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
  }
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...zeros, ...right].map((part) => Number.parseInt(part, 16).toString(2).padStart(16, '0')).join('')
}

/** Whether a key that `wanted` abbreviates, part by part, has the value; a key that is missing has an empty one. */
function matchesConfig(config: Readonly<Record<string, string>>, wanted: string, value: string): boolean {
  const parts = wanted.split('.')
  const fitting = Object.keys(config).filter((key) => {
    const its = key.split('.')
    return its.length === parts.length && its.every((part, at) => part.startsWith(parts[at]!))
  })
  const exact = fitting.includes(wanted) ? [wanted] : fitting
  if (exact.length === 0) return value === ''
  return exact.some((key) => matchesWhole(config[key]!, value))
}
