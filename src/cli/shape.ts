import { Timestamp } from './yaml.ts'

/**
 * How an object of the API is printed: its fields in their order, what is
 * missing as its empty value, what isn't named left out.
 *
 * A word is a plain value (`time` a point in time, which YAML shows without
 * quotes); an object is a shape of its own; `list` and `map` hold many.
 */
export type Shape = 'text' | 'number' | 'bool' | 'time' | 'any' | Fields | List | Mapping | Optional

/** The fields of an object, in the order they are printed. */
export interface Fields {
  readonly kind: 'fields'
  readonly fields: Readonly<Record<string, Shape>>
}

interface List {
  readonly kind: 'list'
  readonly of: Shape
}

interface Mapping {
  readonly kind: 'map'
  readonly of: Shape
}

interface Optional {
  readonly kind: 'optional'
  readonly of: Shape
}

export function fields(all: Fields['fields']): Fields {
  return { kind: 'fields', fields: all }
}

export function list(of: Shape): List {
  return { kind: 'list', of }
}

export function map(of: Shape): Mapping {
  return { kind: 'map', of }
}

/** A field that is left out while it is empty. */
export function optional(of: Shape): Optional {
  return { kind: 'optional', of }
}

/** For whom a value is arranged: JSON tells lists and maps that are missing (null) from empty ones. */
export type Target = 'json' | 'yaml'

/** `value` in the order and with the fields of `shape`, as `writeYaml` and `writeJson` take it. */
export function arrange(shape: Shape, value: unknown, target: Target = 'yaml'): unknown {
  if (typeof shape === 'string') return arrangePlain(shape, value, target)

  switch (shape.kind) {
    case 'optional':
      return isEmpty(value) ? undefined : arrange(shape.of, value, target)
    case 'list':
      if (!Array.isArray(value)) return target === 'json' ? null : []
      return value.map((item: unknown) => arrange(shape.of, item, target))
    case 'map':
      if (!isObject(value)) return target === 'json' ? null : new Map()
      return new Map(Object.entries(value).map(([key, item]) => [key, arrange(shape.of, item, target)]))
    case 'fields':
      return arrangeFields(shape, value, target)
  }
}

/** As {@link arrange}, for a list's `--format`; undefined where that shows rows. */
export function arrangeFor(format: string, shape: Shape, value: unknown): unknown {
  return format === 'json' || format === 'yaml' ? arrange(shape, value, format) : undefined
}

function arrangeFields(shape: Fields, value: unknown, target: Target): unknown {
  const from = isObject(value) ? value : {}
  const arranged: Record<string, unknown> = {}
  for (const [name, of] of Object.entries(shape.fields)) {
    const item = arrange(of, from[name] ?? fieldOfAnyCase(from, name), target)
    if (item !== undefined) arranged[name] = item
  }
  return arranged
}

/** LXD writes some fields with a capital, and reads all whatever their case. */
function fieldOfAnyCase(from: Readonly<Record<string, unknown>>, name: string): unknown {
  const written = Object.keys(from).find((key) => key.toLowerCase() === name.toLowerCase())
  return written === undefined ? undefined : from[written]
}

function arrangePlain(shape: string, value: unknown, target: Target): unknown {
  switch (shape) {
    case 'text':
      return value ?? ''
    case 'number':
      return value ?? 0
    case 'bool':
      return value ?? false
    case 'time':
      return new Timestamp(typeof value === 'string' ? value : '0001-01-01T00:00:00Z')
    default:
      return arrangeAny(value, target)
  }
}

/** Something without a shape of its own: objects are maps. */
function arrangeAny(value: unknown, target: Target): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => arrangeAny(item, target))
  if (isObject(value)) return new Map(Object.entries(value).map(([key, item]) => [key, arrangeAny(item, target)]))
  return value ?? null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (isObject(value)) return Object.keys(value).length === 0
  return value === undefined || value === null || value === '' || value === 0 || value === false
}
