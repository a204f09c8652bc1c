import { command, switchFlag } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { findImage } from './find-image.ts'
import { imagePut } from './image-shapes.ts'

export const imageShow = command({
  name: 'image show',
  usage: '[<remote>:]<image>',
  doc: 'Show image properties',
  flags: { vm: switchFlag('Query virtual machine images') },
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier', 'images')
    const { image } = await findImage(connection, name)
    at.print(writeYaml(arrange(imagePut, image)))
  },
})
