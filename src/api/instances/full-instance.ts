import { runtimeName } from '#instances/instance-name.ts'
import { viewInstance } from '#instances/instance-view.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Services } from '../services.ts'

/** An instance together with its state. Snapshots and backups are `null`, as LXD has it where there are none. */
export async function fullInstance(services: Services, record: InstanceRecord): Promise<object> {
  const status = services.runtime.status(runtimeName(record.project, record.name))
  const state = await services.readState(record)
  return { ...viewInstance(services.instances.expand(record), status), backups: null, state, snapshots: null }
}
