import { StorageVolume } from '#schema/storage-volume.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import { findVolume } from './find-volumes.ts'

export const storageVolume = route('/1.0/storage-pools/{pool}/volumes/{type}/{volume}', {
  get: {
    doc: 'Get a storage volume.',
    access: 'view',
    reply: StorageVolume,
    async handle(services, request) {
      const volume = await findVolume(services, request)
      return sync(volume, [volume.name, volume.type, volume.config])
    },
  },
})
