// Takes the facts out of LXD's API specification that the contract test needs: which methods there are, what each
// answers with, and the fields of every object. Writes them to tests/api/surface.json.
//
//   node tools/api-surface.ts FILE     FILE is doc/rest-api.yaml of LXD 5.0
import { readFileSync, writeFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Surface } from '../tests/api/surface.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly format?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
}

interface Specification {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Method>>>>
  readonly definitions: Readonly<Record<string, Schema>>
}

interface Method {
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly schema?: Schema }>>
}

const plain: Readonly<Record<string, string>> = { string: 's', integer: 'i', number: 'n', boolean: 'b' }

/** The notation of types: `s`, `i`, `n`, `b`, `t` for times, `any`, `X[]`, `map of X`, or the name of an object. */
function typeOf(schema: Schema | undefined): string {
  if (schema?.$ref) return lastPart(schema.$ref)
  if (schema?.type === 'array') return `${typeOf(schema.items)}[]`
  if (schema?.additionalProperties) return `map of ${typeOf(schema.additionalProperties)}`
  if (schema?.format === 'date-time') return 't'
  return plain[schema?.type ?? ''] ?? 'any'
}

/** What a method answers with when all is well: a type, `empty`, `operation`, or `raw` for what isn't JSON. */
function replyOf({ responses }: Method): string {
  const [, answer] = Object.entries(responses).find(([code]) => /^[12]/.test(code)) ?? []
  if (answer?.$ref) return lastPart(answer.$ref) === 'Operation' ? 'operation' : 'empty'
  const metadata = answer?.schema?.properties?.['metadata']
  return metadata ? typeOf(metadata) : 'raw'
}

function lastPart(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

/** The facts of a specification given as YAML. */
export function readSurface(text: string): Surface {
  const { paths, definitions } = parse(text) as Specification
  const methods = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, method]) => [`${verb.toUpperCase()} ${path}`, replyOf(method)] as const),
  )
  const objects = Object.entries(definitions).map(([name, schema]) => {
    if (!schema.properties) return [name, typeOf(schema)] as const
    const fields = Object.entries(schema.properties).map(([field, type]) => [field, typeOf(type)] as const)
    return [name, Object.fromEntries(fields)] as const
  })
  return { methods: Object.fromEntries(methods), objects: Object.fromEntries(objects) }
}

/** The text of surface.json: one method or object a line. */
export function surfaceText({ methods, objects }: Surface): string {
  const lines = (entries: object) =>
    Object.entries(entries)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n')
  return `{\n  "methods": {\n${lines(methods)}\n  },\n  "objects": {\n${lines(objects)}\n  }\n}\n`
}

if (import.meta.main) {
  const [file] = process.argv.slice(2)
  if (file === undefined) throw new Error('Usage: node tools/api-surface.ts FILE')
  const text = surfaceText(readSurface(readFileSync(file, 'utf8')))
  writeFileSync(new URL('../tests/api/surface.json', import.meta.url), text)
}
