import { command } from '../command.ts'
import { kinds, placeOf, withFiles } from './place.ts'

export const fileDelete = command({
  name: 'file delete',
  aliases: ['rm'],
  usage: '[<remote>:]<instance>/<path> [[<remote>:]<instance>/<path>...]',
  doc: 'Delete files in instances',
  details: 'Directories are deleted where nothing is in them.',
  flags: {},
  args: [1, Infinity],
  async run({ args, remotes }) {
    for (const place of args.map((text) => placeOf(remotes, text, 'path'))) {
      await withFiles(place, async ({ client }) => {
        const { mode = 0 } = await client.lstat(place.path)
        if ((mode & kinds.mask) === kinds.directory) await client.removeDirectory(place.path)
        else await client.remove(place.path)
      })
    }
  },
})
