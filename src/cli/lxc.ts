import { all } from './all.ts'
import { group } from './command.ts'
import type { Program } from './run.ts'

/** The client program. `version` is what `--version` prints. */
export function lxc(version: string): Program {
  return {
    name: 'lxc',
    about: group({
      name: '',
      doc: 'Command line client for LXD',
      details: `Each of the commands below does one thing with a daemon, on this machine or
on another. Add --help to any of them to see how it is used.`,
    }),
    commands: all,
    version,
    aliases: { shell: 'exec @ARGS@ -- su -l' },
  }
}
