import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { writeClientConfig } from '../write-client-config.ts'

export const aliasRename = command({
  name: 'alias rename',
  aliases: ['mv'],
  usage: '<old alias> <new alias>',
  doc: 'Rename aliases',
  examples: [{ command: 'lxc alias rename list my-list', doc: 'Rename existing alias "list" to "my-list".' }],
  flags: {},
  args: [2, 2],
  run({ args, remotes }) {
    const [from = '', to = ''] = args
    const { config, directory } = remotes
    const { [from]: target, ...aliases } = config.aliases
    if (target === undefined) throw badRequest(`Alias ${from} doesn't exist`)
    if (Object.hasOwn(aliases, to)) throw badRequest(`Alias ${to} already exists`)
    writeClientConfig(directory, { ...config, aliases: { ...aliases, [to]: target } })
  },
})
