import { programVersion } from '#base/version.ts'
import type { Method, Route } from '#api/route.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
type JsonObject = Readonly<Record<string, Json>>

const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete'] as const

/** Paths that are for our own programs, and those kept for clients that know no other. */
const unlisted = /^\/internal\/|^\/1\.0\/containers/

/** The API as the text of an OpenAPI 3.1 document: https://spec.openapis.org/oas/v3.1.1.html */
export function openApi(routes: readonly Route[]): string {
  return `${JSON.stringify(document(routes), undefined, 2)}\n`
}

function document(routes: readonly Route[]): JsonObject {
  const schemas = new Map<string, Json>()
  const listed = routes.filter(({ path }) => !unlisted.test(path)).toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const paths = listed.map((route): [string, Json] => [route.path, pathItem(route, schemas)])
  const named = [...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    openapi: '3.1.0',
    info: { title: 'lxd-ts', version: programVersion, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths: Object.fromEntries(paths),
    components: { schemas: Object.fromEntries(named) },
  }
}

function pathItem(route: Route, schemas: Map<string, Json>): JsonObject {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const parameters = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  const methods = verbs.flatMap((verb): [string, Json][] => {
    const method = route[verb]
    return method ? [[verb, operation(method, schemas)]] : []
  })
  return { ...(parameters.length > 0 ? { parameters } : {}), ...Object.fromEntries(methods) }
}

function operation({ doc, access, body, reply }: Method, schemas: Map<string, Json>): JsonObject {
  return {
    summary: doc,
    'x-access': access,
    ...(body ? { requestBody: { content: json(hoist(body as unknown as Json, schemas)) } } : {}),
    responses: {
      default: {
        description: reply ? 'The envelope, with this as its metadata' : 'The envelope',
        ...(reply ? { content: json(envelope(hoist(reply as unknown as Json, schemas))) } : {}),
      },
    },
  }
}

function json(schema: Json): JsonObject {
  return { 'application/json': { schema } }
}

function envelope(metadata: Json): JsonObject {
  return {
    type: 'object',
    properties: {
      type: { type: 'string' },
      status: { type: 'string' },
      status_code: { type: 'integer' },
      operation: { type: 'string' },
      error_code: { type: 'integer' },
      error: { type: 'string' },
      metadata,
    },
  }
}

/** A copy of a schema in which those that have a title are references to one place that holds them. */
function hoist(schema: Json, schemas: Map<string, Json>): Json {
  if (typeof schema !== 'object' || schema === null) return schema
  if (Array.isArray(schema)) return schema.map((item: Json) => hoist(item, schemas))
  const fields = Object.entries(schema as JsonObject)
  const copy = Object.fromEntries(fields.map(([name, value]) => [name, hoist(value, schemas)]))
  const title = copy['title']
  if (typeof title !== 'string' || typeof copy['type'] !== 'string') return copy
  schemas.set(title, copy)
  return { $ref: `#/components/schemas/${title}` }
}
