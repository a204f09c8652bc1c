import { deleteImage } from '#client/images.ts'

import { command } from '../command.ts'
import { findImage } from './find-image.ts'

export const imageDelete = command({
  name: 'image delete',
  aliases: ['rm'],
  usage: '[<remote>:]<image> [[<remote>:]<image>...]',
  doc: 'Delete images',
  flags: {},
  args: [1, Infinity],
  async run({ args, remotes }) {
    for (const text of args) {
      const { connection, name } = remotes.named(text, 'image identifier')
      const { image } = await findImage(connection, name)
      await deleteImage(connection, image.fingerprint)
    }
  },
})
