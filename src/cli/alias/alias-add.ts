import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { writeClientConfig } from '../write-client-config.ts'

export const aliasAdd = command({
  name: 'alias add',
  usage: '<alias> <target>',
  doc: 'Add new aliases',
  examples: [{ command: 'lxc alias add list "list -c ns46S"', doc: 'Overwrite the "list" command to pass -c ns46S.' }],
  flags: {},
  args: [2, 2],
  run({ args, remotes }) {
    const [name = '', target = ''] = args
    const { config, directory } = remotes
    if (Object.hasOwn(config.aliases, name)) throw badRequest(`Alias ${name} already exists`)
    writeClientConfig(directory, { ...config, aliases: { ...config.aliases, [name]: target } })
  },
})
