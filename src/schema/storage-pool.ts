import Type from 'typebox'
import type { Static } from 'typebox'
import { Count, StringList, StringMap } from './common.ts'

/** What a user may change of a storage pool. */
export const StoragePoolPut = Type.Object(
  { config: StringMap, description: Type.String() },
  { title: 'StoragePoolPut' },
)

/** The same with every field optional: what is absent stays as it is. */
export const StoragePoolPatch = Type.Partial(StoragePoolPut, { title: 'StoragePoolPatch' })

/** A new storage pool. */
export const StoragePoolsPost = Type.Object(
  {
    ...StoragePoolPut.properties,
    name: Type.String(),
    driver: Type.String({ description: 'Kind of pool, such as dir' }),
  },
  { title: 'StoragePoolsPost' },
)

/** A storage pool as the API shows it. */
export const StoragePool = Type.Object(
  {
    ...StoragePoolPut.properties,
    name: Type.String(),
    driver: Type.String(),
    used_by: Type.Array(Type.String(), { description: 'URLs of instances, profiles and images in the pool' }),
    status: Type.String({ description: 'Created, or Unavailable where it could not be mounted' }),
    locations: StringList,
  },
  { title: 'StoragePool' },
)
export type StoragePool = Static<typeof StoragePool>

const usage = { used: Count, total: Count }
const Space = Type.Object(usage, { title: 'ResourcesStoragePoolSpace', description: 'Bytes' })
const Inodes = Type.Object(usage, { title: 'ResourcesStoragePoolInodes' })

/** How full a storage pool is: bytes, and files. */
export const ResourcesStoragePool = Type.Object({ space: Space, inodes: Inodes }, { title: 'ResourcesStoragePool' })
export type ResourcesStoragePool = Static<typeof ResourcesStoragePool>
