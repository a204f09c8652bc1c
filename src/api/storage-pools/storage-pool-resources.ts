import { ResourcesStoragePool } from '#schema/storage-pool.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

export const storagePoolResources = route('/1.0/storage-pools/{name}/resources', {
  get: {
    doc: 'Get how full a storage pool is.',
    access: 'member',
    reply: ResourcesStoragePool,
    async handle({ pools }, { params }) {
      const usage: ResourcesStoragePool = await pools.resources(params.name)
      return sync(usage)
    },
  },
})
