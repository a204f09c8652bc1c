import { createImageAlias, getImage } from '#client/images.ts'

import { command } from '../command.ts'

export const imageAliasCreate = command({
  name: 'image alias create',
  usage: '[<remote>:]<alias> <fingerprint>',
  doc: 'Create aliases for existing images',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'alias name')
    const { image } = await getImage(connection, args[1]!)
    await createImageAlias(connection, name, image.fingerprint)
  },
})
