import { parseDuration } from '#base/duration.ts'
import { parseAddress, parseCidr } from '#base/address.ts'
import { parseSize } from '#base/size.ts'

/**
 * What a key lets its writer do to the host. A restricted project allows `safe` keys and, key by key, those whose
 * class its `restricted.*` configuration opens. A key without a class is refused there.
 */
export type Risk =
  | 'safe'
  | 'lowlevel'
  | 'privilege'
  | 'nesting'
  | 'interception'
  | 'mount-interception'
  | 'idmap'
  | 'backups'
  | 'snapshots'

/** One configuration key: all that any part of the program needs to know about it. */
export interface Key<T = unknown> {
  /** The name of the type, as the reference shows it. */
  readonly type: string
  /** The first line is a summary; the rest is the manual. Markdown. */
  readonly doc: string
  /** What an unset key means, written as a user would write it. */
  readonly default: string | undefined
  /** Whether a change reaches a running instance (or a live network, a running server) without a restart. */
  readonly live: boolean
  /** Server keys only: whether the value holds for the cluster or for one member. */
  readonly scope: 'global' | 'local'
  /** Never shown again once written. */
  readonly secret: boolean
  readonly risk: Risk | undefined
  /** The values allowed, where they can be listed. */
  readonly choices: readonly string[]
  /** What the text stands for. Throws an Error that says what was expected. */
  parse(text: string): T
}

/**
 * Keys by name. In a name, `*` stands for one or more characters: `user.*`, `volatile.*.hwaddr`.
 */
export type Keys = Readonly<Record<string, Key>>

/** What reading a set of keys gives: for each, its parsed value, its default, or `undefined`. */
export type Values<K extends Keys> = {
  readonly [Name in keyof K]: K[Name] extends Key<infer T> ? T : never
}

/** What the declaration of a key may say; {@link Key} has the meaning of each field. */
export interface Declaration {
  readonly doc: string
  readonly default?: string
  readonly live?: boolean
  readonly scope?: 'global' | 'local'
  readonly secret?: boolean
  readonly risk?: Risk
  /** A further check of the text, run after the type's own. Throws an Error that says what was expected. */
  readonly check?: (text: string) => void
}

/** A key with a default always has a value; one without may be `undefined`. */
export type ValueOf<T, D extends Declaration> = D extends { readonly default: string } ? T : T | undefined

/** Makes a kind of key: its name, how its text is read and, where they can be listed, its values. */
export function keyType<T>(type: string, parse: (text: string) => T, choices: readonly string[] = []) {
  return <const D extends Declaration>(declaration: D): Key<ValueOf<T, D>> => ({
    type,
    doc: declaration.doc,
    default: declaration.default,
    live: declaration.live ?? false,
    scope: declaration.scope ?? 'global',
    secret: declaration.secret ?? false,
    risk: declaration.risk,
    choices,
    parse(text) {
      const value = parse(text)
      declaration.check?.(text)
      return value as ValueOf<T, D>
    },
  })
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
}

/** Reads a boolean in one of LXD's spellings: true/false, 1/0, yes/no, on/off, in any case. */
export function parseBool(text: string): boolean {
  const value = truths[text.toLowerCase()]
  if (value === undefined) throw new Error(`Invalid value "${text}" for a boolean: expected true or false`)
  return value
}

/** Reads a whole number between `min` and `max`, both included. */
export function parseInteger(text: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text)
  if (!/^-?\d{1,16}$/.test(text) || value < min || value > max) {
    const bounds =
      max < Number.MAX_SAFE_INTEGER
        ? ` from ${min} to ${max}`
        : min > Number.MIN_SAFE_INTEGER
          ? ` of at least ${min}`
          : ''
    throw new Error(`Invalid value "${text}" for an integer: expected a whole number${bounds}`)
  }
  return value
}

/** Splits a list at its commas; spaces around an item are dropped, empty items are refused. */
export function parseList(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) throw new Error(`Invalid list "${text}": expected items separated by commas`)
  return items
}

export const bool = keyType('bool', parseBool)

/** Any text. Line breaks are allowed here; the serializer of each format decides what it can carry. */
export const string = keyType('string', (text) => text)

/** A whole number between bounds. */
export function integer<const D extends Declaration & { readonly min?: number; readonly max?: number }>(
  declaration: D,
) {
  return keyType('integer', (text) => parseInteger(text, declaration.min, declaration.max))(declaration)
}

/** A number of bytes, such as `10GiB`. */
export const size = keyType('size', parseSize)

/** A span of time such as `3H` or `1w 2d`, in milliseconds. */
export const duration = keyType('duration', parseDuration)

/** One of a closed list of words. */
export function choice<const C extends readonly string[], const D extends Declaration>(choices: C, declaration: D) {
  const parse = (text: string): C[number] => {
    if (!choices.includes(text)) throw new Error(`Invalid value "${text}": expected one of ${choices.join(', ')}`)
    return text
  }
  return keyType('choice', parse, choices)(declaration)
}

/** An absolute path of the host. */
export const path = keyType('path', (text) => {
  if (!text.startsWith('/') || text.includes('\0')) throw new Error(`Invalid path "${text}": expected an absolute path`)
  return text
})

/** An Ethernet address in lower or upper case, six pairs of hex digits. */
export const mac = keyType('mac', (text) => {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    throw new Error(`Invalid MAC address "${text}": expected six pairs of hex digits, such as 00:16:3e:01:02:03`)
  }
  return text.toLowerCase()
})

/** An address of one family, or of either. */
export function address<const D extends Declaration & { readonly family?: 4 | 6 }>(declaration: D) {
  return keyType('address', (text) => parseAddress(text, declaration.family))(declaration)
}

/** An address with a prefix length, such as `10.1.2.1/24`. */
export function cidr<const D extends Declaration & { readonly family?: 4 | 6 }>(declaration: D) {
  return keyType('cidr', (text) => parseCidr(text, declaration.family))(declaration)
}

/** A list of items separated by commas, each read by `parseItem`. */
export function list<T, const D extends Declaration>(parseItem: (text: string) => T, declaration: D) {
  return keyType('list', (text) => parseList(text).map((item) => parseItem(item)))(declaration)
}
