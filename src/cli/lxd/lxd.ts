import { group, switchFlag, textFlag } from '../command.ts'
import type { Program } from '../run.ts'
import { all } from './all.ts'
import type { DaemonParts } from './all.ts'

/** Flags of the daemon, which its subcommands take too. */
export const daemonFlags = {
  debug: switchFlag('Show all debug messages', { short: 'd' }),
  group: textFlag('The group of users that will be allowed to talk to LXD'),
  help: switchFlag('Print help', { short: 'h' }),
  logfile: textFlag('Path to the log file'),
  verbose: switchFlag('Show all information messages', { short: 'v' }),
  version: switchFlag('Print version number'),
}

/** What the program needs of the daemon, whose code the commands never see. */
export interface Daemon extends DaemonParts {
  /** Runs it until it is told to end. Gives the exit code. */
  readonly serve: (flags: Readonly<Record<string, unknown>>) => Promise<number>
}

/** The daemon's program. `version` is what `--version` prints. */
export function lxd(version: string, daemon: Daemon): Program {
  return {
    name: 'lxd',
    about: group({
      name: '',
      doc: 'The LXD container manager (daemon)',
      details: `Without a command this is the daemon itself, which an init system starts and
"lxc" talks to. The commands below set a daemon up, and start and stop it.`,
    }),
    commands: all(version, daemon),
    flags: daemonFlags,
    start: daemon.serve,
    version,
  }
}
