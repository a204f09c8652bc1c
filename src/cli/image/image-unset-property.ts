import { updateImage } from '#client/images.ts'

import { command } from '../command.ts'
import { findImage } from './find-image.ts'

export const imageUnsetProperty = command({
  name: 'image unset-property',
  usage: '[<remote>:]<image> <key>',
  doc: 'Unset image properties',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier')
    const { image, etag } = await findImage(connection, name)
    const properties = Object.fromEntries(Object.entries(image.properties).filter(([key]) => key !== args[1]!))
    await updateImage(connection, image.fingerprint, { ...image, properties }, etag)
  },
})
