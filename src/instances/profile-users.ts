import type { Locks } from '#base/locks.ts'
import type { ProfileUsers } from '#profiles/profiles.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { Store } from '#store/store.ts'
import type { InstanceCommit } from './commit.ts'
import { runtimeName } from './instance-name.ts'
import type { LiveUpdate } from './live-update.ts'

/** What instances have to say to a change of a profile they use, and what it means to those that run. */
export function profileUsers(options: {
  readonly store: Store
  readonly commit: InstanceCommit
  readonly liveUpdate: LiveUpdate
  readonly locks: Locks
}): ProfileUsers {
  const { store, commit, liveUpdate, locks } = options
  const records = instanceRecords(store)
  return {
    check: (record, expanded) => commit.check({ record, ...expanded }),

    async apply({ project, name }, change, undo) {
      using _ = await locks.take(runtimeName(project, name))
      // Deleted meanwhile: it has nothing to say any more.
      if (!commit.has(project, name)) return
      const { value: record } = await commit.complete(project, name)
      const { before, after } = change(record)
      await liveUpdate.apply({ record, ...before }, { record, ...after }, undo)
    },

    rename({ value, revision }, profiles) {
      return {
        change: records.put({ ...value, profiles }, value.project, value.name),
        compare: records.expect(revision, value.project, value.name),
      }
    },
  }
}
