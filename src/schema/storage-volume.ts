import Type from 'typebox'
import type { Static } from 'typebox'
import { Count, StringList, StringMap, Timestamp } from './common.ts'

/** A storage volume as the API shows it. */
export const StorageVolume = Type.Object(
  {
    config: StringMap,
    description: Type.String(),
    name: Type.String(),
    type: Type.String({ description: 'container, image, custom or virtual-machine' }),
    used_by: StringList,
    location: Type.String(),
    content_type: Type.String({ description: 'filesystem or block' }),
    project: Type.String(),
    created_at: Timestamp,
  },
  { title: 'StorageVolume' },
)
export type StorageVolume = Static<typeof StorageVolume>

/** How much a storage volume holds, in bytes. */
export const StorageVolumeState = Type.Object(
  { usage: Type.Object({ used: Count, total: Count }, { title: 'StorageVolumeStateUsage' }) },
  { title: 'StorageVolumeState' },
)
export type StorageVolumeState = Static<typeof StorageVolumeState>
