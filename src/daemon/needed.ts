import { parseBool } from '#config/key.ts'
import { identityRecords } from '#store/identity-record.ts'
import { instanceRecords, type InstanceRecord } from '#store/instance-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { serverRecords } from '#store/server-record.ts'
import type { Store } from '#store/store.ts'
import { openIdleStore } from './idle-store.ts'

/**
 * Whether a daemon would have something to do once started: an instance that starts by itself, one that ran when the
 * daemon last ended, one that is half made, or clients that find no other door open than its own. A daemon that runs already is not needed. `directory` is LXD_DIR.
 */
export async function isDaemonNeeded(directory: string): Promise<boolean> {
  const found = openIdleStore(directory)
  if (found === 'busy' || found === 'missing') return false
  await using store = found
  const instances = instanceRecords(store).list()
  return hasDoors(store) || instances.some(({ value }) => value.phase !== 'ready' || startsByItself(store, value))
}

/** Whether it is to listen elsewhere than on the socket that systemd holds for it. */
function hasDoors(store: Store): boolean {
  const config = serverRecords(store).get('global')?.value.config ?? {}
  if (config['core.https_address'] || config['core.metrics_address']) return true
  return identityRecords(store)
    .list('unix')
    .some(({ value }) => value.groups.length > 0)
}

function startsByItself(store: Store, { config, profiles, project }: InstanceRecord): boolean {
  const profileConfigs = profiles.map((name) => profileRecords(store).get(project, name)?.value.config)
  // Later profiles win over earlier ones, and the instance over all of them.
  const autostart = [...profileConfigs, config].map((one) => one?.['boot.autostart']).findLast((value) => value)
  return autostart === undefined ? config['volatile.last_state.power'] === 'RUNNING' : parseBool(autostart)
}
