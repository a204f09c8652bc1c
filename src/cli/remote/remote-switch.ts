import { command } from '../command.ts'
import { writeClientConfig } from '../write-client-config.ts'
import { known } from './change-remote.ts'

export const remoteSwitch = command({
  name: 'remote switch',
  aliases: ['set-default'],
  usage: '<remote>',
  doc: 'Switch the default remote',
  flags: {},
  args: [1, 1],
  run({ args, remotes }) {
    known(remotes.config.remotes, args[0]!)
    writeClientConfig(remotes.directory, { ...remotes.config, 'default-remote': args[0]! })
  },
})
