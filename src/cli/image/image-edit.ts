import { updateImage, type ImagePut } from '#client/images.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { findImage } from './find-image.ts'
import { imagePut } from './image-shapes.ts'

export const imageEdit = command({
  name: 'image edit',
  usage: '[<remote>:]<image>',
  doc: 'Edit image properties',
  examples: [
    { command: 'lxc image edit <image>', doc: 'Launch a text editor to edit the properties' },
    { command: 'lxc image edit <image> < image.yaml', doc: 'Load the image properties from a YAML file' },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier')
    const { image, etag } = await findImage(connection, name)

    await edit({
      at,
      shape: imagePut,
      help: `An image: its properties by name, whether everyone may have it (public), when it
goes (expires_at), and the profiles its instances have.`,
      load: async () => image,
      save: async (document) => {
        const empty = { auto_update: false, properties: {}, public: false, expires_at: NEVER, profiles: null }
        const { expires_at, ...rest } = document as Partial<ImagePut>
        await updateImage(connection, image.fingerprint, { ...empty, ...rest, expires_at: expires_at || NEVER }, etag)
      },
    })
  },
})

/** The time that stands for none. */
const NEVER = '0001-01-01T00:00:00Z'
