import { newUuid } from '#base/id.ts'
import { explain, notFound } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import type { Events } from '#events/events.ts'
import { Operation } from './operation.ts'
import type { OperationOptions } from './operation.ts'

/** How long an operation that is over can still be asked about, in milliseconds. LXD's time. */
const keepFor = 5000

/** The operations under way, and for a while those that are over. */
export class Operations {
  readonly #events: Events
  readonly #log: Log
  readonly #operations = new Map<string, Operation>()

  constructor(options: { readonly events: Events; readonly log: Log }) {
    this.#events = options.events
    this.#log = options.log
  }

  /** Starts work in the background; what it returns tells how the work goes. */
  start(options: OperationOptions): Operation {
    const operation = new Operation(newUuid(), options, (changed) => {
      this.#events.send('operation', changed.project, changed.toJson())
    })
    this.#operations.set(operation.id, operation)
    // The reply comes first: a client must know the id before events about it tell of progress.
    setImmediate(() => void this.#run(operation))
    return operation
  }

  find(id: string): Operation | undefined {
    return this.#operations.get(id)
  }

  get(id: string): Operation {
    const operation = this.find(id)
    if (!operation) throw notFound('Operation not found')
    return operation
  }

  list(): Operation[] {
    return [...this.#operations.values()]
  }

  /** How many are not over yet. */
  get running(): number {
    return this.list().filter(({ final }) => !final).length
  }

  /**
   * Cancels what can be cancelled and waits for all to end, at most `timeout` milliseconds. Sessions of clients, which
   * may go on for ever, are not waited for: they end with their connections.
   */
  async finish(timeout: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeout)
    for (const operation of this.list()) if (operation.mayCancel) operation.cancel()
    const awaited = this.list().filter((operation) => operation.class !== 'websocket')
    await Promise.race([Promise.all(awaited.map(({ done }) => done)), promise])
    clearTimeout(timer)
  }

  async #run(operation: Operation): Promise<void> {
    await operation.run((what, error) => {
      this.#log.error(`Operation "${operation.description}": ${what}`, {
        error: explain(error),
        operation: operation.id,
      })
    })
    setTimeout(() => this.#operations.delete(operation.id), keepFor).unref()
  }
}
