import { badRequest } from '#base/failure.ts'

import { switchFlag, textFlag, type Flag, type Flags } from './command.ts'

/** Flags every command takes. `sub-commands`, `version` and `all` only say something about help. */
export const globalFlags = {
  debug: switchFlag('Show all debug messages'),
  'force-local': switchFlag('Force using the local unix socket'),
  help: switchFlag('Print help', { short: 'h' }),
  project: textFlag('Override the source project'),
  quiet: switchFlag("Don't show progress information", { short: 'q' }),
  'sub-commands': switchFlag('Use with help or --help to view sub-commands'),
  verbose: switchFlag('Show all information messages', { short: 'v' }),
  version: switchFlag('Print version number'),
} as const satisfies Flags

/** What a command line says, by its flags. */
export interface Parsed {
  readonly args: readonly string[]
  readonly values: Record<string, string | boolean | number | string[]>
  readonly given: ReadonlySet<string>
}

/**
 * Reads words as flags and arguments, in any order up to `--`.
 *
 * @throws {Failure} of kind `bad-request` for unknown flags and missing or malformed values
 */
export function parse(words: readonly string[], flags: Flags): Parsed {
  const values: Parsed['values'] = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = emptyValue(flag)
  const given = new Set<string>()
  const args: string[] = []

  const set = (name: string, flag: Flag, text: string, shown: string): void => {
    if (flag.kind === 'texts' && given.has(name)) (values[name] as string[]).push(text)
    else values[name] = readValue(flag, text, shown)
    given.add(name)
  }

  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') {
      args.push(...words.slice(at + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word)
      continue
    }
    const wanted = word.startsWith('--') ? readLong(word, flags) : readShort(word, flags)
    for (const { name, flag, text, shown } of wanted) {
      if (text !== undefined) set(name, flag, text, shown)
      else if (at + 1 < words.length) set(name, flag, words[++at]!, shown)
      else throw badRequest(`flag needs an argument: ${shown.startsWith('--') ? shown : `${shown} in ${word}`}`)
    }
  }
  return { args, values, given }
}

interface Wanted {
  readonly name: string
  readonly flag: Flag
  /** Undefined: the next word is the value. */
  readonly text: string | undefined
  readonly shown: string
}

function readLong(word: string, flags: Flags): Wanted[] {
  const equals = word.indexOf('=')
  const name = word.slice(2, equals < 0 ? undefined : equals)
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (flag === undefined) throw badRequest(`unknown flag: --${name}`)

  const text = equals < 0 ? bareValue(flag) : word.slice(equals + 1)
  return [{ name, flag, text, shown: `--${name}` }]
}

/** Short flags may come several in a word: `-fc ns`, `-cns`, `-c=ns`. */
function readShort(word: string, flags: Flags): Wanted[] {
  const wanted: Wanted[] = []
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!
    const [name, flag] = Object.entries(flags).find(([, { short }]) => short === letter) ?? []
    if (name === undefined || flag === undefined) {
      throw badRequest(`unknown shorthand flag: '${letter}' in -${word.slice(at)}`)
    }

    const shown = `-${letter}, --${name}`
    const rest = word.slice(at + 1)
    if (rest.startsWith('=')) return [...wanted, { name, flag, text: rest.slice(1), shown }]
    const bare = bareValue(flag)
    if (bare === undefined) {
      return [
        ...wanted,
        { name, flag, text: rest === '' ? undefined : rest, shown: rest === '' ? `'${letter}'` : shown },
      ]
    }
    wanted.push({ name, flag, text: bare, shown })
  }
  return wanted
}

function bareValue(flag: Flag): string | undefined {
  return flag.kind === 'switch' ? 'true' : flag.bare
}

function emptyValue(flag: Flag): string | boolean | number | string[] {
  switch (flag.kind) {
    case 'switch':
      return false
    case 'texts':
      return []
    case 'text':
    case 'number':
      return flag.default
  }
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True']
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False']

function readValue(flag: Flag, text: string, shown: string): string | boolean | number | string[] {
  switch (flag.kind) {
    case 'switch':
      if (TRUE.includes(text)) return true
      if (FALSE.includes(text)) return false
      throw badRequest(`invalid argument "${text}" for "${shown}" flag: expected true or false`)
    case 'number':
      if (/^[+-]?\d{1,15}$/.test(text)) return Number(text)
      throw badRequest(`invalid argument "${text}" for "${shown}" flag: expected a whole number`)
    case 'text':
      return text
    case 'texts':
      return [text]
  }
}

/** Where the first word that is no flag stands, as cobra finds a command's name among global flags; -1 if nowhere. */
export function firstArgument(words: readonly string[], flags: Flags): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') return -1
    if (!word.startsWith('-') || word === '-') return at

    const [, flag] =
      Object.entries(flags).find(([name, { short }]) => word === `--${name}` || word === `-${short}`) ?? []
    if (flag !== undefined && bareValue(flag) === undefined) at++
  }
  return -1
}
