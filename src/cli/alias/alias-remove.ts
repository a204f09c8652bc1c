import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { writeClientConfig } from '../write-client-config.ts'

export const aliasRemove = command({
  name: 'alias remove',
  aliases: ['rm'],
  usage: '<alias>',
  doc: 'Remove aliases',
  examples: [{ command: 'lxc alias remove my-list', doc: 'Remove the "my-list" alias.' }],
  flags: {},
  args: [1, 1],
  run({ args, remotes }) {
    const { config, directory } = remotes
    if (!Object.hasOwn(config.aliases, args[0]!)) throw badRequest(`Alias ${args[0]!} doesn't exist`)
    const { [args[0]!]: _, ...aliases } = config.aliases
    writeClientConfig(directory, { ...config, aliases })
  },
})
