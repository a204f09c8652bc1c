import { badRequest, notFound } from '#base/failure.ts'
import { zeroTime } from '#schema/decode.ts'
import type { StorageVolume } from '#schema/storage-volume.ts'
import { entityUrl } from '../list.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** The types of volume there can be. Of the last two none can be made here. */
export const volumeTypes = ['container', 'image', 'custom', 'virtual-machine'] as const

export type VolumeType = (typeof volumeTypes)[number]

/** Reads the type of volume in a path. */
export function readVolumeType(text: string): VolumeType {
  const type = volumeTypes.find((one) => one === text)
  if (!type) throw badRequest(`Invalid storage volume type name "${text}": expected one of ${volumeTypes.join(', ')}`)
  return type
}

type Asked = Pick<Request, 'project' | 'allProjects' | 'may'>

/** The volumes of a type in a pool that belong to the project of the request. Images belong to "default". */
export async function findVolumes(
  { pools, projects }: Services,
  { project, allProjects, may }: Asked,
  where: { readonly pool: string; readonly type: VolumeType },
): Promise<StorageVolume[]> {
  pools.checkPool(where.pool)
  if (where.type === 'container') {
    const names = allProjects ? projects.list().flatMap(({ name }) => (may('view', name) ? [name] : [])) : [project]
    return names
      .flatMap((name) => pools.instancesIn(where.pool, name))
      .map((one) => ({
        ...commonOf(where.type),
        name: one.name,
        used_by: [entityUrl(['instances', one.name], one.project)],
        project: one.project,
        created_at: one.createdAt,
      }))
  }
  if (
    where.type !== 'image' ||
    !(project === 'default' || (allProjects && may('view', 'default'))) ||
    !pools.isAvailable(where.pool)
  )
    return []
  const images = await pools.imagesIn(where.pool)
  return images.map((name) => ({
    ...commonOf(where.type),
    name,
    used_by: [entityUrl(['images', name])],
    project: 'default',
    created_at: zeroTime,
  }))
}

function commonOf(type: VolumeType) {
  return { config: {}, description: '', type, location: 'none', content_type: 'filesystem' }
}

/** One volume; throws a not-found Failure where there is none. */
export async function findVolume(
  services: Services,
  request: Asked & { readonly params: { readonly pool: string; readonly type: string; readonly volume: string } },
): Promise<StorageVolume> {
  const { pool, type, volume } = request.params
  const where = { pool, type: readVolumeType(type) }
  const volumes = await findVolumes(services, { ...request, allProjects: false }, where)
  const found = volumes.find(({ name }) => name === volume)
  if (!found) throw notFound('Storage pool volume not found')
  return found
}

/** The URL of a volume. */
export function volumeUrl(pool: string, { type, name, project }: StorageVolume): string {
  return entityUrl(['storage-pools', pool, 'volumes', type, name], project)
}
