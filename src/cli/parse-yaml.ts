import { badRequest } from '#base/failure.ts'

import { readPlainYaml } from './plain-yaml.ts'

/** Bytes a document may have that a user hands in. */
const MAX_SIZE = 10 * 1024 * 1024

/** A mapping a user wrote in YAML; an empty document is an empty mapping. Throws for anything else. */
export async function parseYaml(text: string): Promise<Record<string, unknown>> {
  if (text.length > MAX_SIZE) throw badRequest(`Cannot read YAML: it is larger than ${MAX_SIZE} bytes`)

  const document = readPlainYaml(text) ?? (await parseAny(text)) ?? {}
  if (typeof document !== 'object' || Array.isArray(document)) throw badRequest('Cannot read YAML: expected a mapping')
  return document as Record<string, unknown>
}

async function parseAny(text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    // YAML 1.1 is what LXD reads: "yes" is true. Aliases are bounded by the parser.
    return parse(text, { version: '1.1', maxAliasCount: 100 }) as unknown
  } catch (cause) {
    throw badRequest('Cannot read YAML', { cause })
  }
}
