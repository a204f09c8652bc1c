import { getStoragePool, updateStoragePool, type StoragePoolPut } from '#client/storage.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { poolPut } from './storage-shapes.ts'

export const storageEdit = command({
  name: 'storage edit',
  usage: '[<remote>:]<pool>',
  doc: 'Edit storage pool configurations as YAML',
  examples: [
    {
      command: 'lxc storage edit [<remote>:]<pool> < pool.yaml',
      doc: 'Update a storage pool using the content of pool.yaml.',
    },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    let etag: string | undefined

    await edit({
      at,
      shape: poolPut,
      help: `A storage pool: its settings (config) and its description, such as

config:
  volume.size: 10GiB
description: The fast disks`,
      load: async () => {
        const got = await getStoragePool(connection, name)
        etag = got.etag
        return got.pool
      },
      save: async (document) => {
        const put: StoragePoolPut = { config: {}, description: '', ...document }
        await updateStoragePool(connection, name, put, etag)
      },
    })
  },
})
