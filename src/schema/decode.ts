/**
 * Reading JSON the way LXD's clients expect, which is Go's way: a field the shape doesn't name is ignored, one that
 * is absent or `null` has its type's zero value, and names match without regard to case where no exact match is
 * there (https://pkg.go.dev/encoding/json#Unmarshal). A field that is optional in the shape stays absent instead:
 * that is how a PATCH tells what it leaves alone.
 */
import type { Static, TSchema } from 'typebox'
import { badRequest } from '#base/failure.ts'

/** What a Go program sends for a time that was never set. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** The most entries of one map or list, and the most levels of a value without a shape. */
const maxEntries = 10_000
const maxDepth = 32

/** The keywords of JSON Schema that bodies are described with. */
interface Shape {
  readonly type?: string
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Shape>>
  readonly items?: Shape
}

/** `json`, parsed already, as `schema` has it. Throws a bad-request Failure that names the field and what it must be. */
export function decode<S extends TSchema>(schema: S, json: unknown): Static<S> {
  return read(schema as Shape, json, '') as Static<S>
}

function read(shape: Shape, json: unknown, at: string): unknown {
  if (json === null || json === undefined) return zero(shape)
  switch (shape.type ?? 'any') {
    case 'object':
      return shape.patternProperties ? readMap(shape, json, at) : readObject(shape, json, at)
    case 'array':
      return readArray(shape, json, at)
    case 'string':
      return readString(shape, json, at)
    case 'boolean':
      return typeof json === 'boolean' ? json : fail(at, 'a boolean', json)
    case 'integer':
    case 'number':
      return readNumber(shape, json, at)
    default:
      checkDepth(json, at, maxDepth)
      return json
  }
}

/** Go's zero value of a shape. */
function zero(shape: Shape): unknown {
  switch (shape.type ?? 'any') {
    case 'object':
      return shape.properties ? readObject(shape, {}, '') : {}
    case 'array':
      return []
    case 'string':
      return shape.format === 'date-time' ? zeroTime : ''
    case 'boolean':
      return false
    case 'integer':
    case 'number':
      return 0
    default:
      return null
  }
}

function readObject(shape: Shape, json: unknown, at: string): unknown {
  const given = entries(json, at)
  const exact = new Map(given)
  const folded = new Map(given.map(([name, value]) => [name.toLowerCase(), value]))
  const fields: [string, unknown][] = []
  for (const [name, field] of Object.entries(shape.properties ?? {})) {
    const value = exact.has(name) ? exact.get(name) : folded.get(name.toLowerCase())
    const absent = value === undefined || value === null
    if (absent && !shape.required?.includes(name)) continue
    fields.push([name, read(field, value, join(at, name))])
  }
  return Object.fromEntries(fields)
}

function readMap(shape: Shape, json: unknown, at: string): unknown {
  const values = Object.values(shape.patternProperties ?? {})[0] ?? {}
  return Object.fromEntries(entries(json, at).map(([name, value]) => [name, read(values, value, join(at, name))]))
}

function readArray(shape: Shape, json: unknown, at: string): unknown {
  if (!Array.isArray(json)) return fail(at, 'a list', json)
  if (json.length > maxEntries) throw badRequest(`Invalid request: ${named(at)} has more than ${maxEntries} items`)
  return json.map((item, index) => read(shape.items ?? {}, item, `${at}[${index}]`))
}

function readString(shape: Shape, json: unknown, at: string): string {
  if (typeof json !== 'string') return fail(at, 'a string', json)
  if (!json.isWellFormed()) return fail(at, 'well-formed Unicode', json)
  if (shape.format !== 'date-time') return json
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(json)
  return isTime && !Number.isNaN(Date.parse(json)) ? json : fail(at, `a time such as "${zeroTime}"`, json)
}

function readNumber(shape: Shape, json: unknown, at: string): number {
  const whole = shape.type === 'integer'
  if (typeof json !== 'number') return fail(at, whole ? 'an integer' : 'a number', json)
  if (whole && !Number.isSafeInteger(json)) return fail(at, 'an integer', json)
  if (shape.minimum !== undefined && json < shape.minimum) return fail(at, `at least ${shape.minimum}`, json)
  if (shape.maximum !== undefined && json > shape.maximum) return fail(at, `at most ${shape.maximum}`, json)
  return json
}

function entries(json: unknown, at: string): [string, unknown][] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return fail(at, 'an object', json)
  const found = Object.entries(json)
  if (found.length > maxEntries) throw badRequest(`Invalid request: ${named(at)} has more than ${maxEntries} entries`)
  // Assigning to this name somewhere later would change an object's nature rather than its content.
  if (Object.hasOwn(json, '__proto__')) throw badRequest(`Invalid request: ${named(at)} has an entry "__proto__"`)
  if (!found.every(([name]) => name.isWellFormed())) {
    throw badRequest(`Invalid request: ${named(at)} has an entry whose name is not well-formed Unicode`)
  }
  return found
}

function checkDepth(json: unknown, at: string, left: number): void {
  if (typeof json !== 'object' || json === null) return
  if (left === 0) throw badRequest(`Invalid request: ${named(at)} is nested more than ${maxDepth} levels deep`)
  for (const [, value] of Array.isArray(json) ? json.entries() : entries(json, at)) checkDepth(value, at, left - 1)
}

function join(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`
}

function named(at: string): string {
  return at === '' ? 'the body' : `"${at.slice(0, 200)}"`
}

function fail(at: string, expected: string, json: unknown): never {
  const kind = Array.isArray(json) ? 'a list' : json === null ? 'null' : typeof json === 'object' ? 'an object' : ''
  const found = kind === '' ? JSON.stringify(json).slice(0, 100) : kind
  throw badRequest(`Invalid request: ${named(at)} must be ${expected}, found ${found}`)
}
