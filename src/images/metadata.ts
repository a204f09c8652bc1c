import { isScalar, parseDocument, visit } from 'yaml'
import { parseArchitecture } from '#base/architecture.ts'
import { badRequest, explain } from '#base/failure.ts'

/** A file that is written into an instance from a template when something happens to the instance. */
export interface ImageTemplate {
  readonly when: readonly string[]
  readonly createOnly: boolean
  /** The name of a file in `templates`. */
  readonly template: string
  readonly properties: Readonly<Record<string, string>>
}

/** What `metadata.yaml` says of an image. */
export interface ImageMetadata {
  /** The kernel's name. */
  readonly architecture: string
  readonly createdAt: string
  /** `1970-01-01T00:00:00Z` where it never expires. */
  readonly expiresAt: string
  readonly properties: Readonly<Record<string, string>>
  /** By the path in the instance. */
  readonly templates: Readonly<Record<string, ImageTemplate>>
}

const maxText = 128 << 10
const maxTime = 253_402_300_799

/**
 * Reads `metadata.yaml`. Throws a bad-request Failure that names the field and what was expected; fields that LXD
 * doesn't know are ignored, and YAML's aliases are refused.
 */
export function parseMetadata(text: string): ImageMetadata {
  const root = toMap(parseYaml(text), 'the file')
  const created = toTime(root.get('creation_date'), 'creation_date')
  if (created === 0) throw invalid('Missing creation date: "creation_date" must be a time in seconds since 1970')
  return {
    architecture: parseArchitecture(toText(root.get('architecture'), 'architecture')),
    createdAt: isoTime(created),
    expiresAt: isoTime(toTime(root.get('expiry_date'), 'expiry_date')),
    properties: toTexts(root.get('properties'), 'properties'),
    templates: Object.fromEntries(
      [...toMap(root.get('templates'), 'templates')].map(([path, value]) => [path, toTemplate(path, value)]),
    ),
  }
}

/** The time as Go writes it: without a fraction where there is none. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function parseYaml(text: string): unknown {
  if (text.length > maxText) throw invalid(`the file is larger than ${maxText} bytes`)
  // In the failsafe schema every scalar is its text, so that 1.50 stays 1.50 and no tag makes an object. Looking for
  // keys that come twice takes the parser quadratic time.
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, prettyErrors: false })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw invalid(`the file is not valid YAML: ${problem.message}`)
  visit(document, { Map: (_, map) => checkKeys(map.items.map(({ key }) => key)) })
  try {
    return document.toJS({ mapAsMap: true, maxAliasCount: 0 })
  } catch (error) {
    throw invalid(`the file is not valid YAML: ${explain(error)}`)
  }
}

function checkKeys(keys: readonly unknown[]): void {
  const seen = new Set<unknown>()
  for (const key of keys) {
    const name = isScalar(key) ? key.value : key
    if (seen.has(name)) throw invalid(`the key ${kindOf(name)} comes twice`)
    seen.add(name)
  }
}

function toTemplate(path: string, value: unknown): ImageTemplate {
  const at = `templates.${path}`
  const map = toMap(value, at)
  const template = toText(map.get('template'), `${at}.template`)
  if (template === '' || template.includes('/') || template === '.' || template === '..') {
    throw invalid(`"${at}.template" must be the name of a file in templates, found "${template.slice(0, 100)}"`)
  }
  return {
    when: toList(map.get('when'), `${at}.when`),
    createOnly: toBoolean(map.get('create_only'), `${at}.create_only`),
    template,
    properties: toTexts(map.get('properties'), `${at}.properties`),
  }
}

function isNull(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === '~' || value === 'null'
}

function toMap(value: unknown, at: string): Map<string, unknown> {
  if (isNull(value)) return new Map()
  if (!(value instanceof Map)) throw invalid(`"${at}" must be a map, found ${kindOf(value)}`)
  for (const key of value.keys()) {
    if (typeof key !== 'string') throw invalid(`"${at}" must have texts as keys, found ${kindOf(key)}`)
    if (key === '__proto__') throw invalid(`"${at}" has a key "__proto__"`)
  }
  return value as Map<string, unknown>
}

function toList(value: unknown, at: string): string[] {
  if (isNull(value)) return []
  if (!Array.isArray(value)) throw invalid(`"${at}" must be a list, found ${kindOf(value)}`)
  return value.map((item, index) => toText(item, `${at}[${index}]`))
}

function toTexts(value: unknown, at: string): Record<string, string> {
  return Object.fromEntries([...toMap(value, at)].map(([key, text]) => [key, toText(text, `${at}.${key}`)]))
}

function toText(value: unknown, at: string): string {
  if (isNull(value)) return ''
  if (typeof value !== 'string') throw invalid(`"${at}" must be a text, found ${kindOf(value)}`)
  return value
}

function toTime(value: unknown, at: string): number {
  const text = toText(value, at)
  if (text === '') return 0
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Infinity
  if (seconds > maxTime) throw invalid(`"${at}" must be a time in seconds since 1970, found "${text.slice(0, 100)}"`)
  return seconds
}

function toBoolean(value: unknown, at: string): boolean {
  const text = toText(value, at).toLowerCase()
  if (['true', 'yes', 'on'].includes(text)) return true
  if (['', 'false', 'no', 'off'].includes(text)) return false
  throw invalid(`"${at}" must be true or false, found "${text.slice(0, 100)}"`)
}

function kindOf(value: unknown): string {
  if (value instanceof Map) return 'a map'
  if (Array.isArray(value)) return 'a list'
  return `"${String(value).slice(0, 100)}"`
}

function invalid(why: string): Error {
  return badRequest(`Invalid metadata.yaml: ${why}`)
}
