// The language of commands. A command is one object in one file; parsing,
// help, completion and the manual are computed from it. Groups hold commands
// by name and load each only when it is called, as start-up is most of what a
// short command costs.
import type { Remotes } from './remotes.ts'
import type { Surroundings } from './surroundings.ts'

interface FlagBase {
  /** The one-letter form. */
  readonly short?: string
  readonly doc: string
  /** What the flag stands for when it comes without a value (`--console`). */
  readonly bare?: string
  /** Accepted, but not shown. */
  readonly hidden?: boolean
}

/** A flag that is there or not. */
export interface SwitchFlag extends FlagBase {
  readonly kind: 'switch'
}

/** A flag with a value. */
export interface TextFlag extends FlagBase {
  readonly kind: 'text'
  readonly default: string
}

/** A flag that may come several times. */
export interface TextsFlag extends FlagBase {
  readonly kind: 'texts'
}

/** A flag whose value is a whole number. */
export interface NumberFlag extends FlagBase {
  readonly kind: 'number'
  readonly default: number
}

export type Flag = SwitchFlag | TextFlag | TextsFlag | NumberFlag
export type Flags = Readonly<Record<string, Flag>>

type ValueOf<F extends Flag> = F extends SwitchFlag
  ? boolean
  : F extends TextsFlag
    ? readonly string[]
    : F extends NumberFlag
      ? number
      : string

/** What a command finds its flags to be: by long name, defaults filled in. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: ValueOf<F[Name]> }

type Rest = Omit<FlagBase, 'doc'>

export function switchFlag(doc: string, rest: Rest = {}): SwitchFlag {
  return { kind: 'switch', doc, ...rest }
}

export function textFlag(doc: string, rest: Rest & { readonly default?: string } = {}): TextFlag {
  return { kind: 'text', doc, default: '', ...rest }
}

export function textsFlag(doc: string, rest: Rest = {}): TextsFlag {
  return { kind: 'texts', doc, ...rest }
}

export function numberFlag(doc: string, rest: Rest & { readonly default?: number } = {}): NumberFlag {
  return { kind: 'number', doc, default: 0, ...rest }
}

/** Flags every command takes. */
export interface GlobalValues {
  readonly debug: boolean
  readonly verbose: boolean
  readonly quiet: boolean
  readonly forceLocal: boolean
  /** Empty: the remote's own. */
  readonly project: string
}

export interface Example {
  readonly command: string
  /** Shown below the command, indented. */
  readonly doc?: string
}

/** What a command is run with. */
export interface Call<F extends Flags = Flags> {
  readonly args: readonly string[]
  readonly flags: FlagValues<F>
  /** Which of `flags` were given rather than left at their default. */
  readonly given: ReadonlySet<string>
  readonly globals: GlobalValues
  /** The program's own. */
  readonly version: string
  readonly remotes: Remotes
  readonly at: Surroundings
}

/** How a command ended. */
export type Outcome = number | 'usage' | void

export interface Command<F extends Flags = Flags> {
  readonly kind: 'command'
  /** All words: `profile add`. */
  readonly name: string
  readonly aliases?: readonly string[]
  /** What follows the name, `[flags]` included only where it isn't last. */
  readonly usage: string
  /** One line, as lists of commands show it. */
  readonly doc: string
  /** More paragraphs for its own help. */
  readonly details?: string
  readonly examples?: readonly Example[]
  readonly flags: F
  /** Least and greatest count of arguments. */
  readonly args: readonly [least: number, most: number]
  /** What it returns is the exit code, 0 for nothing; `usage` shows how it is used instead. */
  readonly run: (call: Call<F>) => Promise<Outcome> | Outcome
}

/** Commands under a common word. */
export interface Group {
  readonly kind: 'group'
  readonly name: string
  readonly aliases?: readonly string[]
  readonly doc: string
  readonly details?: string
}

// A map of commands with different flags has to forget them; the parser that
// fills a call's flags and the command that reads them go by the same object.
export type AnyCommand = Omit<Command, 'run'> & { readonly run: (call: never) => Promise<Outcome> | Outcome }

/** A place in the tree of commands: how to load what stands there, and what is below. */
export interface Entry {
  readonly aliases?: readonly string[]
  /** Works, but lists don't show it. */
  readonly hidden?: boolean
  readonly load: () => Promise<AnyCommand | Group>
  readonly commands?: Tree
}

export type Tree = Readonly<Record<string, Entry>>

/** Makes a command; the types of its flags' values are inferred. */
export function command<const F extends Flags>(definition: Omit<Command<F>, 'kind'>): Command<F> {
  return { kind: 'command', ...definition }
}

export function group(definition: Omit<Group, 'kind'>): Group {
  return { kind: 'group', ...definition }
}
