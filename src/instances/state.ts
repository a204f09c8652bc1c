import type { Runtime } from '#lxc/runtime.ts'
import type { Pools } from '#storage/pools.ts'
import type { Expanded } from './commit.ts'
import { runtimeName } from './instance-name.ts'
import { statusOf } from './instance-view.ts'

/** The state of an instance as the API shows it. */
export async function readState(
  { record }: Expanded,
  { runtime, pools }: { readonly runtime: Runtime; readonly pools: Pools },
): Promise<object> {
  const name = runtimeName(record.project, record.name)
  const usage = await pools.instanceUsage(record)
  return {
    ...statusOf(runtime.status(name)),
    pid: runtime.initPid(name) ?? 0,
    disk: usage === undefined ? {} : { root: { usage } },
  }
}
