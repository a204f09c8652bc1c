import { badRequest } from '#base/failure.ts'
import { nearest } from '#base/nearest.ts'
import type { Key, Keys, Values } from './key.ts'

/** Configuration as the API carries it: text by key. */
export type Config = Readonly<Record<string, string>>

/** The most a configuration may hold: a bound on memory, far above any real use. */
const maxKeys = 2000
const maxValueLength = 1 << 20

const patterns = new Map<string, RegExp>()

function pattern(name: string): RegExp {
  let found = patterns.get(name)
  if (!found) {
    const parts = name.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    found = new RegExp(`^${parts.join('.+')}$`, 's')
    patterns.set(name, found)
  }
  return found
}

/** The declaration of `name` among `keys`, families included; the longest family name wins. */
export function findKey(keys: Keys, name: string): Key | undefined {
  const exact = Object.hasOwn(keys, name) ? keys[name] : undefined
  if (exact) return exact
  const families = Object.keys(keys).filter((key) => key.includes('*') && pattern(key).test(name))
  const best = families.toSorted((a, b) => b.length - a.length)[0]
  return best === undefined ? undefined : keys[best]
}

/**
 * Checks that every key of `config` is declared and every value can be read. An empty value stands for an unset key.
 * `what` names the thing the configuration belongs to: `instance`, `network`, `device "eth0"`.
 */
export function checkConfig(what: string, keys: Keys, config: Config): void {
  const names = Object.keys(config)
  if (names.length > maxKeys) throw badRequest(`Invalid ${what} configuration: more than ${maxKeys} keys`)
  for (const name of names) {
    const key = findKey(keys, name)
    if (!key) throw badRequest(`Invalid ${what} configuration: ${unknownKey(keys, name)}`)
    const value = config[name]
    if (typeof value !== 'string') throw badRequest(`Invalid ${what} configuration: "${name}" must be a string`)
    if (value.length > maxValueLength) throw badRequest(`Invalid ${what} configuration: "${name}" is longer than 1 MiB`)
    if (value !== '') readKey(what, key, name, value)
  }
}

function readKey(what: string, key: Key, name: string, value: string): unknown {
  try {
    return key.parse(value)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw badRequest(`Invalid ${what} configuration: "${name}": ${why}`)
  }
}

function unknownKey(keys: Keys, name: string): string {
  const near = nearest(name, Object.keys(keys))
  return `Unknown configuration key "${name}"${near === undefined ? '' : `, the nearest known key is "${near}"`}`
}

/** The values of the keys that are not families, defaults filled in. The configuration must have been checked. */
export function readConfig<K extends Keys>(keys: K, config: Config): Values<K> {
  const values: Record<string, unknown> = {}
  for (const [name, key] of Object.entries(keys)) {
    if (name.includes('*')) continue
    const text = config[name] || key.default
    values[name] = text === undefined ? undefined : key.parse(text)
  }
  return values as Values<K>
}

/** A copy without the keys whose value is empty, which is how the API unsets one. */
export function withoutEmpty(config: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== ''))
}
