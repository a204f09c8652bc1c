import { hasFeature } from '#projects/project-keys.ts'
import type { Belongings } from '#projects/projects.ts'
import { profileRecords } from '#store/profile-record.ts'
import type { Store } from '#store/store.ts'

/** The profile "default" that every project with profiles of its own has: it comes, moves and goes with the project. */
export function defaultProfileOf(store: Store): Belongings {
  const records = profileRecords(store)
  return (before, after) => {
    const old = before && hasFeature(before, 'profiles') ? before : undefined
    const wanted = after && hasFeature(after, 'profiles') ? after : undefined
    if (old?.name === wanted?.name) return []

    const found = old && records.get(old.name, 'default')?.value
    const made = wanted && {
      name: 'default',
      description: wanted.name === 'default' ? 'Default LXD profile' : `Default LXD profile for project ${wanted.name}`,
      config: {},
      devices: {},
      ...found,
      project: wanted.name,
    }
    return [
      ...(old ? [records.delete(old.name, 'default')] : []),
      ...(made ? [records.put(made, made.project, made.name)] : []),
    ]
  }
}
