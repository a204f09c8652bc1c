import { badRequest, explain } from '#base/failure.ts'

import { configDirectory, globalConfigDirectory, readClientConfig, type ClientConfig } from './client-config.ts'
import type { AnyCommand, Call, Entry, Flags, GlobalValues, Group, Tree } from './command.ts'
import { firstArgument, globalFlags, parse } from './parse.ts'
import { printable } from './printable.ts'
import { Remotes } from './remotes.ts'
import type { Surroundings } from './surroundings.ts'

/** A program made of commands. */
export interface Program {
  readonly name: string
  /** What its help says it is. */
  readonly about: Group
  readonly commands: Tree
  /** What `--version` prints. */
  readonly version: string
  /** Commands that stand for others, whatever the user's configuration says. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Flags that every command takes, where they are not the client's. */
  readonly flags?: Flags
  /** What it does without a command, where that isn't to print its help. Gives the exit code. */
  readonly start?: (flags: Readonly<Record<string, unknown>>) => Promise<number>
}

/** Runs the command `words` name and gives its exit code. Errors go to standard error as one line. */
export async function runProgram(program: Program, words: readonly string[], at: Surroundings): Promise<number> {
  try {
    return await dispatch(program, words, at)
  } catch (error) {
    // Parts of it may be a server's own words.
    at.warn(`Error: ${printable(explain(error))}\n`)
    return 1
  }
}

async function dispatch(program: Program, words: readonly string[], at: Surroundings): Promise<number> {
  const directory = configDirectory(at.env)
  const globalDirectory = globalConfigDirectory(at.env)
  const readConfig = (): Promise<ClientConfig> => readClientConfig(directory, globalDirectory)
  const config = program.aliases === undefined ? undefined : await readConfig()
  const aliases = { ...program.aliases, ...config?.aliases }
  const found = await find(program, await withoutAlias(words, aliases))

  const { entry, path, rest } = found
  const loaded = path.length === 0 ? program.about : await entry.load()
  if (loaded.kind === 'group') return await runGroup(program, { ...found, loaded }, at)

  const parsed = parse(rest, { ...flagsOf(program), ...loaded.flags })
  const help = async (): Promise<void> => {
    const { commandHelp } = await import('./help.ts')
    at.print(commandHelp(loaded, { program: program.name, flags: flagsOf(program) }))
  }
  if (parsed.values['help']) {
    await help()
    return 0
  }

  const [least, most] = loaded.args
  if (parsed.args.length < least || parsed.args.length > most) {
    await help()
    if (parsed.args.length === 0) return 0
    throw badRequest('Invalid number of arguments')
  }

  const globals = readGlobals(parsed.values)
  const remotes = new Remotes({
    config: config ?? (await readConfig()),
    directory,
    globalDirectory,
    env: at.env,
    forceLocal: globals.forceLocal,
    project: globals.project,
    tell: at.warn,
    ...(globals.debug ? { trace: (line: string) => at.warn(`${line}\n`) } : {}),
  })
  const { version } = program
  const call: Call = { version, args: parsed.args, flags: parsed.values, given: parsed.given, globals, remotes, at }
  const outcome = (await run(loaded, call)) ?? 0
  if (outcome !== 'usage') return outcome
  const { commandUsage } = await import('./help.ts')
  at.warn(commandUsage(loaded, { program: program.name, flags: flagsOf(program) }))
  return 0
}

/** The parser has filled the call's flags by the command's own declaration, so they fit what it expects. */
function run(command: AnyCommand, call: Call): ReturnType<AnyCommand['run']> {
  return (command.run as (call: Call) => ReturnType<AnyCommand['run']>)(call)
}

function flagsOf(program: Program): Flags {
  return program.flags ?? globalFlags
}

function readGlobals(values: Readonly<Record<string, unknown>>): GlobalValues {
  return {
    debug: values['debug'] === true,
    verbose: values['verbose'] === true,
    quiet: values['quiet'] === true,
    forceLocal: values['force-local'] === true,
    project: typeof values['project'] === 'string' ? values['project'] : '',
  }
}

async function withoutAlias(
  words: readonly string[],
  aliases: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  if (!Object.keys(aliases).some((alias) => alias.split(' ')[0] === words[0])) return words
  const { expandAlias } = await import('./alias.ts')
  return expandAlias(words, aliases)
}

interface Found {
  /** The names that led to it. */
  readonly path: readonly string[]
  readonly entry: Entry
  /** The words but for those names. */
  readonly rest: readonly string[]
}

/** Follows the words that name commands as deep as they go. */
async function find(program: Program, words: readonly string[]): Promise<Found> {
  let entry: Entry = { load: async () => program.about, commands: program.commands }
  const path: string[] = []
  const rest = [...words]

  while (entry.commands !== undefined) {
    const at = firstArgument(rest, flagsOf(program))
    if (at < 0) break
    const name = nameIn(entry.commands, rest[at]!)
    // Help isn't run: it is about the words that follow.
    if (name === 'help' && path.length === 0) break
    if (name === undefined) {
      const where = [program.name, ...path].join(' ')
      throw badRequest(
        `unknown command "${rest[at]!}" for "${where}"${path.length === 0 ? await suggest(rest[at]!, entry.commands) : ''}`,
      )
    }
    entry = entry.commands[name]!
    path.push(name)
    rest.splice(at, 1)
  }
  return { path, entry, rest }
}

/** The commands a mistyped word may have meant. */
async function suggest(word: string, tree: Tree): Promise<string> {
  const { distance } = await import('#base/nearest.ts')
  const near = Object.keys(tree)
    .filter((name) => !tree[name]!.hidden && name !== 'help')
    .filter((name) => name.startsWith(word.toLowerCase()) || distance(name, word.toLowerCase().slice(0, 50)) <= 2)
    .sort()
  return near.length === 0 ? '' : `\n\nDid you mean this?\n${near.map((name) => `\t${name}\n`).join('')}`
}

function nameIn(tree: Tree, word: string): string | undefined {
  if (Object.hasOwn(tree, word)) return word
  return Object.keys(tree).find((name) => tree[name]!.aliases?.includes(word))
}

async function runGroup(
  program: Program,
  found: Found & { readonly loaded: Group },
  at: Surroundings,
): Promise<number> {
  const own = flagsOf(program)
  const flags = found.path.length === 0 ? { ...own, all: { kind: 'switch', doc: '' } as const } : own
  const { args, values } = parse(found.rest, flags)
  if (found.path.length === 0 && values['version']) {
    at.print(`${program.version}\n`)
    return 0
  }
  if (found.path.length === 0 && args.length === 0 && !values['help'] && program.start !== undefined) {
    return await program.start(values)
  }

  const topic = args[0] === 'help' && found.path.length === 0 ? args.slice(1) : []
  const options = {
    program: program.name,
    flags: own,
    subCommands: values['sub-commands'] === true,
    all: values['all'] === true,
  }
  const { commandHelp, groupHelp, groupUsage } = await import('./help.ts')
  if (found.path.length > 0 && !values['help']) {
    at.warn(await groupUsage(found.loaded, found.entry.commands ?? {}, options))
    return 0
  }

  const wanted = topic.length === 0 ? found : await find(program, topic)
  const loaded = wanted.path.length === 0 ? program.about : await wanted.entry.load()
  at.print(
    loaded.kind === 'command'
      ? commandHelp(loaded, options)
      : await groupHelp(loaded, wanted.entry.commands ?? {}, options),
  )
  return 0
}
