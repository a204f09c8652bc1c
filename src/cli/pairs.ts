import { badRequest } from '#base/failure.ts'

import type { Surroundings } from './surroundings.ts'

/** Settings by name. */
export type Pairs = Readonly<Record<string, string>>

/**
 * Settings as `set` commands take them: `KEY=VALUE` any number of times, or
 * one key and its value as two words. The value `-` is read from standard input.
 */
export function readPairs(words: readonly string[], at: Surroundings): Pairs {
  const [key = '', value] = words
  const legacy = words.length === 2 && !key.includes('=')
  const pairs = legacy
    ? [[key, value!] as const]
    : words.map((word) => splitPair(word, 'Invalid key=value configuration: '))
  return Object.fromEntries(pairs.map(([name, text]) => [name, text === '-' ? readAll(at) : text]))
}

function readAll(at: Surroundings): string {
  return Buffer.from(at.readInput()).toString()
}

/** `KEY=VALUE` in its two parts. Throws, with `message` before the (quoted) text, when there is no equals sign. */
export function splitPair(text: string, message: string, quoted = false): [key: string, value: string] {
  const equals = text.indexOf('=')
  if (equals < 0) throw badRequest(message + (quoted ? `"${text}"` : text))
  return [text.slice(0, equals), text.slice(equals + 1)]
}

/** Settings with others applied; an empty value takes one away. */
export function applyPairs(config: Pairs, pairs: Pairs): Pairs {
  const merged = Object.entries({ ...config, ...pairs })
  return Object.fromEntries(merged.filter(([key, value]) => !Object.hasOwn(pairs, key) || value !== ''))
}
