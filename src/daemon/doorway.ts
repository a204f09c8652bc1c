import type { TlsListener } from '#api/listen-tls.ts'
import { formatListenAddress, overlap } from '#base/listen-address.ts'
import type { ListenAddress } from '#base/listen-address.ts'
import type { Applied } from '#server/config-part.ts'

interface Open {
  readonly address: ListenAddress
  readonly listener: TlsListener
}

/** A place where remote clients come in: one listener at a time, which can move to another address. */
export class Doorway implements AsyncDisposable {
  readonly #listen: (address: ListenAddress) => Promise<TlsListener>
  #open: Open | undefined
  /** Listeners that were given up and may still have clients. */
  readonly #retired = new Set<TlsListener>()

  constructor(listen: (address: ListenAddress) => Promise<TlsListener>) {
    this.#listen = listen
  }

  /** Where it listens now. */
  get address(): ListenAddress | undefined {
    return this.#open?.address
  }

  /** The listener of now and those that still have clients. */
  get listeners(): readonly TlsListener[] {
    return [...(this.#open ? [this.#open.listener] : []), ...this.#retired]
  }

  /**
   * Listens at `address`, or nowhere. The old listener is given up once the change is finished, and keeps what runs on
   * it; where the two are in each other's way it gives up its address first, and takes it back on failure.
   */
  async move(address: ListenAddress | undefined): Promise<Applied> {
    const old = this.#open
    const inTheWay = old !== undefined && address !== undefined && overlap(old.address, address)
    if (inTheWay) old.listener.pause()
    try {
      this.#open = address && { address, listener: await this.#bind(address) }
    } catch (error) {
      if (inTheWay) await old.listener.resume()
      throw error
    }
    return {
      undo: async () => {
        await this.#open?.listener[Symbol.asyncDispose]()
        if (inTheWay) await old.listener.resume()
        this.#open = old
      },
      finish: () => {
        if (!old) return
        this.#retired.add(old.listener)
        old.listener.retire(() => this.#retired.delete(old.listener))
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener[Symbol.asyncDispose]()))
  }

  async #bind(address: ListenAddress): Promise<TlsListener> {
    try {
      return await this.#listen(address)
    } catch (cause) {
      throw new Error(`Cannot listen on "${formatListenAddress(address)}"`, { cause })
    }
  }
}
