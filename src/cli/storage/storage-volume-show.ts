import { getStorageVolume } from '#client/storage.ts'

import { command, textFlag } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { volumeShape } from './storage-shapes.ts'

const TYPES = ['custom', 'container', 'virtual-machine', 'image']

export const storageVolumeShow = command({
  name: 'storage volume show',
  usage: '[<remote>:]<pool> <volume>[/<snapshot>]',
  doc: 'Show storage volume configurations',
  examples: [
    {
      command: 'lxc storage volume show default data',
      doc: 'Will show the properties of a custom volume called "data" in the "default" pool.',
    },
    {
      command: 'lxc storage volume show default container/data',
      doc: 'Will show the properties of the filesystem for a container called "data" in the "default" pool.',
    },
  ],
  flags: { target: textFlag('Cluster member name') },
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const volume = await getStorageVolume(connection, name, readVolumeName(args[1]!))
    at.print(writeYaml(arrange(volumeShape, { ...volume, used_by: [...(volume.used_by ?? [])].sort() })))
  },
})

function readVolumeName(text: string): { type: string; name: string } {
  const slash = text.indexOf('/')
  const type = slash < 0 ? '' : text.slice(0, slash)
  return TYPES.includes(type) ? { type, name: text.slice(slash + 1) } : { type: 'custom', name: text }
}
