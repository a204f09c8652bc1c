import { badRequest } from '#base/failure.ts'

import { readPlainYaml } from './plain-yaml.ts'
import type { Shape } from './shape.ts'

/** Bytes a document may have that a user hands in. */
const MAX_SIZE = 10 * 1024 * 1024

/**
 * What a user wrote in YAML, read as `shape` says: a number where a text
 * belongs is the text as it was written, fields without a place are ignored,
 * and fields that are missing stay so.
 */
export async function readYaml(shape: Shape, text: string): Promise<Record<string, unknown>> {
  if (text.length > MAX_SIZE) throw badRequest(`Cannot read YAML: it is larger than ${MAX_SIZE} bytes`)

  const document = readPlainYaml(text) ?? (await parseWords(text))
  if (document === null || document === '' || document === undefined) return {}
  if (typeof document !== 'object' || Array.isArray(document)) throw badRequest('Cannot read YAML: expected a mapping')
  return read(shape, document, '') as Record<string, unknown>
}

/** All scalars as the words they were written in. */
async function parseWords(text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(text, { schema: 'failsafe', maxAliasCount: 100 }) as unknown
  } catch (cause) {
    throw badRequest('Cannot read YAML', { cause })
  }
}

function read(shape: Shape, value: unknown, at: string): unknown {
  if (typeof shape === 'string') return readWord(shape, value, at)

  switch (shape.kind) {
    case 'optional':
      return read(shape.of, value, at)
    case 'list':
      if (isNothing(value)) return []
      if (!Array.isArray(value)) throw expected('a list', at)
      return value.map((item: unknown, index) => read(shape.of, item, `${at}[${index}]`))
    case 'map':
      return readPairs(value, at, () => shape.of)
    case 'fields':
      return readPairs(value, at, (key) => (Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined))
  }
}

function readPairs(value: unknown, at: string, shapeOf: (key: string) => Shape | undefined): Record<string, unknown> {
  if (isNothing(value)) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw expected('a mapping', at)

  const pairs: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    const of = shapeOf(key)
    if (of !== undefined) pairs.push([key, read(of, item, at === '' ? key : `${at}.${key}`)])
  }
  return Object.fromEntries(pairs)
}

function readWord(shape: string, value: unknown, at: string): unknown {
  if (shape === 'any') return value
  if (value !== null && typeof value === 'object') throw expected('a single value', at)
  const word = value === null || value === undefined ? '' : String(value as string | boolean)

  switch (shape) {
    case 'bool':
      if (/^(?:y|yes|true|on)$/i.test(word)) return true
      if (/^(?:|n|no|false|off|~|null)$/i.test(word)) return false
      throw expected('true or false', at)
    case 'number':
      if (/^-?\d{1,15}$/.test(word)) return Number(word)
      throw expected('a whole number', at)
    default:
      return word === '~' || word === 'null' ? '' : word
  }
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === '' || value === '~' || value === 'null'
}

function expected(what: string, at: string): Error {
  return badRequest(`Cannot read YAML: expected ${what} at "${at || 'the top'}"`)
}
