import { renameImageAlias } from '#client/images.ts'

import { command } from '../command.ts'

export const imageAliasRename = command({
  name: 'image alias rename',
  aliases: ['mv'],
  usage: '[<remote>:]<alias> <new-name>',
  doc: 'Rename aliases',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'alias name')
    await renameImageAlias(connection, name, args[1]!)
  },
})
