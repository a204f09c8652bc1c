import { rm } from 'node:fs/promises'
import type { Api, Listener } from '#api/http-listener.ts'
import { listenUnix } from '#api/listen-unix.ts'
import type { LocalUsers } from '#auth/local-users.ts'
import { explain } from '#base/failure.ts'
import { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import type { Store } from '#store/store.ts'

interface UserSocketOptions {
  readonly api: Api
  readonly users: LocalUsers
  readonly store: Store
  readonly log: Log
  /** `LXD_DIR/unix.socket.user`, where LXD's client looks when it can't use the other one. */
  readonly path: string
}

/** The socket that any local user can connect to. It is there only while one of them may do something. */
export class UserSocket implements AsyncDisposable {
  readonly #options: UserSocketOptions
  readonly #locks = new Locks()
  #watch: Disposable | undefined
  #listener: Listener | undefined
  #closed = false

  constructor(options: UserSocketOptions) {
    this.#options = options
  }

  /** Opens the socket if it is needed, and from now on whenever it is. */
  async start(): Promise<void> {
    const { store, users, path } = this.#options
    if (!users.any) await rm(path, { force: true })
    this.#watch = store.watch(users.prefix, () => void this.#follow())
    await this.#follow()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]()
    this.#closed = true
    await this.#follow()
  }

  async #follow(): Promise<void> {
    using _ = await this.#locks.take('socket')
    const { users, log } = this.#options
    try {
      const isWanted = users.any && !this.#closed
      if (isWanted) await users.refresh()
      if (isWanted && !this.#listener) this.#listener = await this.#open()
      else if (!isWanted && this.#listener) {
        const listener = this.#listener
        this.#listener = undefined
        await listener[Symbol.asyncDispose]()
      }
    } catch (error) {
      log.error('Cannot open or close the socket for local users', { error: explain(error) })
    }
  }

  async #open(): Promise<Listener> {
    const { api, path } = this.#options
    return await listenUnix(api, { door: 'unix-user', path, gid: 0, mode: 0o666 })
  }
}
