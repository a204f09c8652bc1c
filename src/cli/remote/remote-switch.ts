import { command } from '../command.ts'
import { writeClientConfig } from '../write-client-config.ts'

export const remoteSwitch = command({
  name: 'remote switch',
  aliases: ['set-default'],
  usage: '<remote>',
  doc: 'Switch the default remote',
  flags: {},
  args: [1, 1],
  run({ args, remotes }) {
    remotes.get(args[0]!)
    writeClientConfig(remotes.directory, { ...remotes.config, 'default-remote': args[0]! })
  },
})
