import type { AnyCommand, Entry, Flags, Group, Tree } from './command.ts'

/** Names of commands are padded to this in lists, at least. */
const NAME_WIDTH = 11

export interface HelpOptions {
  /** The program, `lxc`. */
  readonly program: string
  /** The flags that all its commands take. */
  readonly flags: Flags
  /** Also list what is below the commands of a group. */
  readonly subCommands?: boolean
  /** Also list hidden commands. */
  readonly all?: boolean
}

/** What `--help` prints for a command. */
export function commandHelp(command: AnyCommand, options: HelpOptions): string {
  return `${sections([description(command)])}\n${commandUsage(command, options)}`
}

/** The same without the description. */
export function commandUsage(command: AnyCommand, { program, flags }: HelpOptions): string {
  const flagged = command.usage.includes('[flags]') ? command.usage : `${command.usage} [flags]`
  const own = command.name.split(' ').at(-1)!
  const examples = (command.examples ?? []).map(
    ({ command: line, doc }) => `${indent(line)}${doc === undefined ? '' : `\n${indent(doc, 6)}`}`,
  )

  // A command may have a flag of its own by the name of one that all take.
  const globals = Object.fromEntries(Object.entries(flags).filter(([name]) => !Object.hasOwn(command.flags, name)))

  return sections([
    ['Usage', [indent([program, command.name, flagged.trim()].join(' '))]],
    ['Aliases', command.aliases === undefined ? [] : [indent([own, ...command.aliases].join(', '))]],
    ['Examples', examples.length === 0 ? [] : [examples.join('\n\n')]],
    ['Flags', flagLines(command.flags)],
    ['Global Flags', flagLines(globals)],
  ])
}

/** What `--help` prints for a group, or for the program itself when `group.name` is empty. */
export async function groupHelp(group: Group, tree: Tree, options: HelpOptions): Promise<string> {
  return `${sections([description(group)])}\n${await groupUsage(group, tree, options)}`
}

/** The same without the description. */
export async function groupUsage(group: Group, tree: Tree, options: HelpOptions): Promise<string> {
  const { program } = options
  const path = group.name === '' ? program : `${program} ${group.name}`
  const usage = group.name === '' ? [`  ${path} [command]`] : [`  ${path} [flags]`, `  ${path} [command]`]
  const own = group.name.split(' ').at(-1)!
  const flags: Flags =
    group.name === '' && 'sub-commands' in options.flags
      ? { all: { kind: 'switch', doc: 'Show less common commands' }, ...options.flags }
      : options.flags

  const text = sections([
    ['Usage', usage],
    ['Aliases', group.aliases === undefined ? [] : [indent([own, ...group.aliases].join(', '))]],
    ['Available Commands', await commandLines(tree, options, 2)],
    [group.name === '' ? 'Flags' : 'Global Flags', flagLines(flags)],
  ])
  return `${text}\nUse "${path} [command] --help" for more information about a command.\n`
}

type Section = readonly [title: string, lines: readonly string[]]

function sections(all: readonly Section[]): string {
  return all
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.join('\n')}\n`)
    .join('\n')
}

function description({ doc, details }: { readonly doc: string; readonly details?: string }): Section {
  return ['Description', [indent(doc), ...(details === undefined ? [] : ['', indent(details)])]]
}

function indent(text: string, by = 2): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(by))
}

async function commandLines(tree: Tree, options: HelpOptions, by: number): Promise<string[]> {
  const shown = Object.entries(tree)
    .filter(([, entry]) => options.all || !entry.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const width = Math.max(NAME_WIDTH, ...shown.map(([name]) => name.length))

  const lines = shown.map(async ([name, entry]) => {
    const line = `${' '.repeat(by)}${name.padEnd(width)} ${(await entry.load()).doc}`
    return [line, ...(await below(entry, options, by))]
  })
  return (await Promise.all(lines)).flat()
}

async function below(entry: Entry, options: HelpOptions, by: number): Promise<string[]> {
  if (!options.subCommands || entry.commands === undefined) return []
  return await commandLines(entry.commands, options, by + 2)
}

function flagLines(flags: Flags): string[] {
  const shown = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const short = flag.short === undefined ? '    ' : `-${flag.short}, `
      const bare = flag.bare === undefined ? '' : `[="${flag.bare}"]`
      return { left: `  ${short}--${name}${bare}`, right: `${flag.doc}${shownDefault(flag)}` }
    })

  const width = Math.max(...shown.map(({ left }) => left.length))
  return shown.map(({ left, right }) => `${left.padEnd(width)}   ${right}`)
}

function shownDefault(flag: Flags[string]): string {
  if (flag.kind === 'text' && flag.default !== '') return ` (default "${flag.default}")`
  if (flag.kind === 'number' && flag.default !== 0) return ` (default ${flag.default})`
  return ''
}
