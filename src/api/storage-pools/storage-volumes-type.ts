import { listOf } from '#schema/common.ts'
import { StorageVolume } from '#schema/storage-volume.ts'
import { parseFilter } from '../filter.ts'
import { listReply } from '../list.ts'
import { route } from '../route.ts'
import { findVolumes, readVolumeType, volumeUrl } from './find-volumes.ts'

export const storageVolumesType = route('/1.0/storage-pools/{pool}/volumes/{type}', {
  get: {
    doc: 'List the volumes of one type in a storage pool.',
    access: 'view',
    allProjects: true,
    reply: listOf(StorageVolume),
    async handle(services, request) {
      const { pool, type } = request.params
      const matches = parseFilter(request.query['filter'])
      const found = await findVolumes(services, request, { pool, type: readVolumeType(type) })
      return listReply(request, found.filter(matches), {
        url: (volume) => volumeUrl(pool, volume),
        object: (volume) => volume,
      })
    },
  },
})
