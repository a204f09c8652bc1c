import { notImplemented } from '#base/failure.ts'
import { StorageVolumeState } from '#schema/storage-volume.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import { findVolume } from './find-volumes.ts'

export const storageVolumeState = route('/1.0/storage-pools/{pool}/volumes/{type}/{volume}/state', {
  get: {
    doc: 'Get how much a storage volume holds.',
    access: 'view',
    reply: StorageVolumeState,
    async handle(services, request) {
      const { name, project, type } = await findVolume(services, request)
      const { pool } = request.params
      const used = type === 'container' ? await services.pools.instanceUsage({ name, project, pool }) : undefined
      if (used === undefined) throw notImplemented('Not supported')
      const state: StorageVolumeState = { usage: { used, total: 0 } }
      return sync(state)
    },
  },
})
