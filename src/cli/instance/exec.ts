import { badRequest } from '#base/failure.ts'
import { execInstance } from '#client/exec.ts'

import { command, numberFlag, switchFlag, textFlag, textsFlag } from '../command.ts'
import type { Surroundings } from '../surroundings.ts'
import { passOn, readInput, send } from './terminal.ts'

export const exec = command({
  name: 'exec',
  usage: '[<remote>:]<instance> [flags] [--] <command line>',
  doc: 'Execute commands in instances',
  details: `The command is started as it is, without a shell: patterns, variables and
redirections mean nothing to it. Start a shell to have them:

  lxc exec <instance> -- sh -c "cd /tmp && pwd"

It gets a terminal where both standard input and standard output are one.`,
  flags: {
    cwd: textFlag('Directory to run the command in (default /root)'),
    'disable-stdin': switchFlag('Disable stdin (reads from /dev/null)', { short: 'n' }),
    env: textsFlag('Environment variable to set (e.g. HOME=/home/foo)'),
    'force-interactive': switchFlag('Force pseudo-terminal allocation', { short: 't' }),
    'force-noninteractive': switchFlag('Disable pseudo-terminal allocation', { short: 'T' }),
    group: numberFlag('Group ID to run the command as (default 0)'),
    mode: textFlag('Override the terminal mode (auto, interactive or non-interactive)', { default: 'auto' }),
    user: numberFlag('User ID to run the command as (default 0)'),
  },
  args: [2, Infinity],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.at(args[0]!)
    const interactive = isInteractive(flags, at)
    const environment = Object.fromEntries(flags.env.map(splitPair))
    if (at.env['TERM'] && environment['TERM'] === undefined) environment['TERM'] = at.env['TERM']

    const size = interactive ? at.terminalSize() : undefined
    const post = {
      command: args.slice(1),
      interactive,
      environment,
      width: size?.columns ?? 0,
      height: size?.rows ?? 0,
      user: flags.user,
      group: flags.group,
      cwd: flags.cwd,
    }
    using scope = new DisposableStack()
    const { code, error } = await execInstance(connection, name, post, {
      input: flags['disable-stdin'] ? nothing() : readInput(interactive, at, scope),
      output: (bytes) => send(at.output(), bytes),
      errors: (bytes) => send(at.errors(), bytes),
      onStart: (control) => scope.use(passOn(control, interactive, at)),
    })
    if (error !== undefined) at.warn(`Error: ${error}\n`)
    return code
  },
})

interface Mode {
  readonly mode: string
  readonly 'force-interactive': boolean
  readonly 'force-noninteractive': boolean
  readonly 'disable-stdin': boolean
}

function isInteractive(flags: Mode, at: Surroundings): boolean {
  const { 'force-interactive': yes, 'force-noninteractive': no } = flags
  if (yes && no) throw badRequest("You can't pass -t and -T at the same time")
  if ((yes || no) && flags.mode !== 'auto') throw badRequest("You can't pass -t or -T at the same time as --mode")
  if (yes || flags.mode === 'interactive') return true
  if (no || flags.mode === 'non-interactive') return false
  return at.terminal.stdin && at.terminal.stdout && !flags['disable-stdin']
}

function splitPair(text: string): [name: string, value: string] {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}

// eslint-disable-next-line require-yield -- there is nothing to yield
async function* nothing(): AsyncGenerator<Uint8Array> {}
