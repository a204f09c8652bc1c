import { listOf } from '#schema/common.ts'
import { StoragePool, StoragePoolsPost } from '#schema/storage-pool.ts'
import { entityUrl, listReply } from '../list.ts'
import { created, sync } from '../reply.ts'
import { route } from '../route.ts'
import { storagePoolJson } from './storage-pool.ts'

export const storagePools = route('/1.0/storage-pools', {
  get: {
    doc: 'List the storage pools.',
    access: 'member',
    reply: listOf(StoragePool),
    async handle(services, request) {
      const records = services.pools.list()
      if (request.recursion > 0)
        return sync(await Promise.all(records.map((one) => storagePoolJson(services, one, request))))
      return listReply(request, records, { url: ({ name }) => entityUrl(['storage-pools', name]), object: () => {} })
    },
  },
  post: {
    doc: 'Create a storage pool.',
    access: 'admin',
    body: StoragePoolsPost,
    async handle({ pools }, { body, requestor }) {
      await pools.create(body, requestor)
      return created(entityUrl(['storage-pools', body.name]))
    },
  },
})
