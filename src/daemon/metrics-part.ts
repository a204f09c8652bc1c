import { totalmem } from 'node:os'
import { join } from 'node:path'
import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { readFilesystem } from '#host/filesystems.ts'
import { Sysfs } from '#host/sysfs.ts'
import type { InstanceCommit } from '#instances/commit.ts'
import { Metrics } from '#instances/metrics.ts'
import type { MetricsOptions } from '#instances/metrics.ts'

/** What is measured of instances, read from the host. */
export function makeMetrics(options: {
  readonly directory: string
  readonly log: Log
  readonly commit: InstanceCommit
  readonly runtime: MetricsOptions['runtime']
  readonly readState: MetricsOptions['readState']
}): Metrics {
  const { directory, log, commit, runtime, readState } = options
  const sysfs = new Sysfs()
  return new Metrics({
    list: () => commit.listAll(),
    runtime,
    readState,
    // The pool's own directory: what is inside of an instance is the instance's to answer, or not to.
    async readFilesystem({ pool }) {
      try {
        return await readFilesystem(join(directory, 'storage-pools', pool))
      } catch (error) {
        log.debug('Cannot read how much room a pool has', { pool, error: explain(error) })
        return undefined
      }
    },
    deviceName: (numbers) => sysfs.linkName(`/sys/dev/block/${numbers}`),
    memory: totalmem(),
  })
}
