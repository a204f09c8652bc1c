import { notFound } from '#base/failure.ts'

import { command } from '../command.ts'
import { findImage } from './find-image.ts'

export const imageGetProperty = command({
  name: 'image get-property',
  usage: '[<remote>:]<image> <key>',
  doc: 'Get image properties',
  flags: {},
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier', 'images')
    const { image } = await findImage(connection, name)
    if (!Object.hasOwn(image.properties, args[1]!)) throw notFound('Property not found')
    at.print(`${image.properties[args[1]!]!}\n`)
  },
})
