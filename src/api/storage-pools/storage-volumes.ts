import { listOf } from '#schema/common.ts'
import { StorageVolume } from '#schema/storage-volume.ts'
import { parseFilter } from '../filter.ts'
import { listReply } from '../list.ts'
import { route } from '../route.ts'
import { findVolumes, volumeTypes, volumeUrl } from './find-volumes.ts'

export const storageVolumes = route('/1.0/storage-pools/{pool}/volumes', {
  get: {
    doc: 'List the volumes of a storage pool.',
    access: 'view',
    allProjects: true,
    reply: listOf(StorageVolume),
    async handle(services, request) {
      const { pool } = request.params
      const matches = parseFilter(request.query['filter'])
      const found = await Promise.all(volumeTypes.map((type) => findVolumes(services, request, { pool, type })))
      return listReply(request, found.flat().filter(matches), {
        url: (volume) => volumeUrl(pool, volume),
        object: (volume) => volume,
      })
    },
  },
})
