import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routes } from '#api/all.ts'
import * as instanceShapes from '#schema/instance.ts'
import { anonymous, surface } from './surface.ts'

/** What there is of JSON Schema in our shapes. */
interface Schema {
  readonly type?: string
  readonly format?: string
  readonly title?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
}

const letters: Readonly<Record<string, string>> = { string: 's', integer: 'i', number: 'n', boolean: 'b' }

/** A shape in the notation of the facts: `s[]`, `map of i`, `Profile`. */
function notation(schema: Schema): string {
  const known = schema.title?.replace(/Patch$/, 'Put')
  if (known !== undefined && surface.objects[known] !== undefined) return known
  const [only] = (schema.anyOf ?? []).filter(({ type }) => type !== 'null')
  if (only) return notation(only)
  if (schema.type === 'array') return `${notation(schema.items ?? {})}[]`
  const [values] = Object.values(schema.patternProperties ?? {})
  if (values) return `map of ${notation(values)}`
  if (schema.format === 'date-time') return 't'
  return letters[schema.type ?? ''] ?? 'any'
}

/** All shapes with a title in a schema, itself among them. */
function titled(schema: Schema): Schema[] {
  const inside = [
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...(schema.anyOf ?? []),
    ...(schema.items ? [schema.items] : []),
  ]
  return [...(schema.title === undefined ? [] : [schema]), ...inside.flatMap(titled)]
}

/** A name of the facts that stands for a plain type, such as StatusCode, is that type. */
function plain(type: string): string {
  const meaning = surface.objects[type]
  return typeof meaning === 'string' ? meaning : type
}

const methods = routes.flatMap(({ get, put, patch, post, delete: remove }) => [get, put, patch, post, remove])
const shapes = [...methods.flatMap((method) => [method?.body, method?.reply]), ...Object.values(instanceShapes)]
  .filter((schema) => schema !== undefined)
  .flatMap((schema) => titled(schema as unknown as Schema))

/** Fields that are not of LXD's types, or that we have none of, and why. */
const differences: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Ours: takes the console over from whoever has it.
  InstanceConsolePost: { force: 'b' },
  // Null, as there are no networks of OVN.
  NetworkState: { ovn: 'any' },
  // Read by a program of NVIDIA's that we don't run.
  ResourcesGPUCard: { nvidia: 'none' },
  // Virtual functions are cards themselves, but have no virtual functions.
  ResourcesGPUCardSRIOV: { vfs: 'any[]' },
  ResourcesNetworkCardSRIOV: { vfs: 'any[]' },
  // Only on the way in.
  StorageVolume: { restore: 'none' },
  // LXD's documentation promises any value, LXD takes text only.
  Server: { config: 'map of s' },
  ServerPut: { config: 'map of s' },
}

test("our shapes have the fields of LXD's, of the same types", () => {
  let compared = 0
  for (const shape of shapes) {
    const name = (shape.title ?? '').replace(/Patch$/, 'Put')
    const facts = surface.objects[name]
    if (facts === undefined || typeof facts === 'string') continue
    const ours = Object.entries(shape.properties ?? {}).map(([field, schema]) => [field, notation(schema)])
    const theirs = Object.entries({ ...facts, ...differences[name] })
      .filter(([, type]) => type !== 'none')
      .map(([field, type]) => [field, plain(type)])
    assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(theirs), name)
    compared++
  }
  assert.ok(compared > 50)
})

test('every method that answers with something says what', () => {
  // Lists of operations are by status, and events and consoles are no JSON.
  const unsaid = ['GET /1.0/operations', 'GET /1.0/events', 'GET /1.0/operations/{id}/websocket']
  const missing = routes
    .filter(({ path, get }) => get && !get.reply && /^\/1\.0(?!\/containers)/.test(path))
    .map(({ path }) => `GET ${path}`)
    .filter((method) => {
      const [, type] = Object.entries(surface.methods).find(([known]) => anonymous(known) === anonymous(method)) ?? []
      return type !== 'raw' && !unsaid.includes(method)
    })
  assert.deepEqual(missing, [])
})
