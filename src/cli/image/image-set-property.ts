import { updateImage } from '#client/images.ts'

import { command } from '../command.ts'
import { findImage } from './find-image.ts'

export const imageSetProperty = command({
  name: 'image set-property',
  usage: '[<remote>:]<image> <key> <value>',
  doc: 'Set image properties',
  flags: {},
  args: [3, 3],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier')
    const { image, etag } = await findImage(connection, name)
    const properties = { ...image.properties, [args[1]!]: args[2]! }
    await updateImage(connection, image.fingerprint, { ...image, properties }, etag)
  },
})
