import { StoragePool, StoragePoolPatch, StoragePoolPut } from '#schema/storage-pool.ts'
import type { PoolRecord } from '#store/pool-record.ts'
import { visibleUrls } from '../list.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** A storage pool as the API shows it. */
export async function storagePoolJson(
  { pools }: Services,
  record: PoolRecord,
  request: Pick<Request, 'may'>,
): Promise<StoragePool> {
  const { config, description, name, driver } = record
  return {
    // Tells of the host's paths and devices.
    config: request.may('view-server') ? config : {},
    description,
    name,
    driver,
    used_by: visibleUrls(request, await pools.usedBy(name)),
    status: pools.isAvailable(name) ? 'Created' : 'Unavailable',
    locations: ['none'],
  }
}

function etag({ name, driver, description, config }: PoolRecord): unknown {
  return [name, driver, description, config]
}

export const storagePool = route('/1.0/storage-pools/{name}', {
  get: {
    doc: 'Get a storage pool.',
    access: 'member',
    reply: StoragePool,
    async handle(services, request) {
      const record = services.pools.get(request.params.name)
      return sync(await storagePoolJson(services, record, request), etag(record))
    },
  },
  put: {
    doc: 'Replace the configuration of a storage pool.',
    access: 'admin',
    body: StoragePoolPut,
    async handle({ pools }, { params, body, checkEtag, requestor }) {
      checkEtag(etag(pools.get(params.name)))
      await pools.update(params.name, body, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of the configuration of a storage pool.',
    access: 'admin',
    body: StoragePoolPatch,
    async handle({ pools }, { params, body, checkEtag, requestor }) {
      const now = pools.get(params.name)
      checkEtag(etag(now))
      const config = { ...now.config, ...body.config }
      await pools.update(params.name, { config, description: body.description ?? now.description }, requestor)
      return done()
    },
  },
  delete: {
    doc: 'Delete a storage pool that nothing is in.',
    access: 'admin',
    async handle({ pools }, { params, requestor }) {
      await pools.delete(params.name, requestor)
      return done()
    },
  },
})
