import { checkConfig, readConfig, withoutEmpty } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import type { Values } from '#config/key.ts'
import { serverKeys } from '#config/server-keys.ts'
import type { Events, Requestor } from '#events/events.ts'
import { serverRecords } from '#store/server-record.ts'
import type { Store } from '#store/store.ts'

/** The configuration of the server itself: what `GET /1.0` shows and `PUT /1.0` changes. */
export class ServerConfig {
  readonly #store: Store
  readonly #events: Events
  readonly #records

  constructor(options: { readonly store: Store; readonly events: Events }) {
    this.#store = options.store
    this.#events = options.events
    this.#records = serverRecords(options.store)
  }

  /** As users have set it. */
  get(): Config {
    return this.#records.get('global')?.value.config ?? {}
  }

  /** What it stands for, defaults filled in. */
  values(): Values<typeof serverKeys> {
    return readConfig(serverKeys, this.get())
  }

  /** Puts `config` in the place of what is set; an empty value unsets a key. The one way it is written. */
  async replace(config: Config, requestor?: Requestor): Promise<void> {
    const before = this.#records.get('global')
    const after = withoutEmpty(config)
    checkConfig('server', serverKeys, after)
    await this.#store.commit(
      [this.#records.put({ config: after }, 'global')],
      [this.#records.expect(before?.revision ?? 0, 'global')],
    )
    this.#events.lifecycle({ action: 'config-updated', source: '/1.0', project: 'default', requestor })
  }
}
