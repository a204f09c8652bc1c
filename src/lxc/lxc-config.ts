import { badRequest } from '#base/failure.ts'
import type { LxcItem } from './runtime.ts'

/**
 * Writes the configuration of a container as liblxc reads it, see lxc.container.conf(5): a line for each item.
 *
 * A value is data. What could end its line is refused, for the next line would be one nobody has checked.
 */
export function formatLxcConfig(items: readonly LxcItem[]): string {
  return items.map(([key, value]) => `${checkKey(key)} = ${quote(key, value)}\n`).join('')
}

function checkKey(key: string): string {
  if (!/^lxc(\.[\w/:@-]+)+$/.test(key)) throw badRequest(`Cannot write liblxc configuration: invalid key "${key}"`)
  return key
}

function quote(key: string, value: string): string {
  // Every character below the space and the one above the tilde: line breaks, NUL, terminal escapes.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001F\u007F]/.test(value)) {
    throw badRequest(`Cannot write liblxc configuration: the value of "${key}" has a control character`)
  }
  // liblxc drops spaces around a value, and one pair of quotes that encloses it.
  return /^[\s"']|\s$/.test(value) ? `"${value}"` : value
}

/** An argument of a hook, which liblxc hands to a shell: in quotes, so that it stays one word and only a word. */
export function quoteHookArgument(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** Reads lines of `key = value`, as `raw.lxc` has them; comments and empty lines are left out. */
export function parseLxcConfig(text: string): LxcItem[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf('=')
      if (at < 0) throw badRequest(`Cannot read liblxc configuration: "${line}" is no line of the form "key = value"`)
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    })
}
