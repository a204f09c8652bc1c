import { deleteImageAlias } from '#client/images.ts'

import { command } from '../command.ts'

export const imageAliasDelete = command({
  name: 'image alias delete',
  aliases: ['rm'],
  usage: '[<remote>:]<alias>',
  doc: 'Delete image aliases',
  flags: {},
  args: [1, 1],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'alias name')
    await deleteImageAlias(connection, name)
  },
})
