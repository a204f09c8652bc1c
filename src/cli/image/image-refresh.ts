import { refreshImage } from '#client/images.ts'

import { command } from '../command.ts'
import { startProgress } from '../progress.ts'
import { targetOf } from './find-image.ts'

export const imageRefresh = command({
  name: 'image refresh',
  usage: '[<remote>:]<image> [[<remote>:]<image>...]',
  doc: 'Refresh images',
  flags: {},
  args: [1, Infinity],
  async run({ args, globals, remotes, at }) {
    for (const text of args) {
      const { connection, name } = remotes.named(text, 'image identifier')
      using progress = startProgress('Refreshing the image: ', globals, at)
      const isNew = await refreshImage(connection, await targetOf(connection, name), progress)
      progress[Symbol.dispose]()
      at.print(isNew ? 'Image refreshed successfully!\n' : 'Image already up to date.\n')
    }
  },
})
