/** Mutual exclusion by name, first come first served, within this process. */
export class Locks {
  readonly #tails = new Map<string, Promise<void>>()

  /** Waits for the lock called `name`; disposing what it returns lets the next one in. */
  async take(name: string): Promise<Disposable> {
    const before = this.#tails.get(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#tails.set(name, promise)
    await before

    return {
      [Symbol.dispose]: () => {
        if (this.#tails.get(name) === promise) this.#tails.delete(name)
        resolve()
      },
    }
  }

  /** Runs `work` while holding the lock called `name`. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    using _ = await this.take(name)
    return await work()
  }
}
