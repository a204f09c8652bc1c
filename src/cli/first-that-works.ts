/** Tries one after the other. Throws what the last of them did when none works. */
export async function firstThatWorks<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R> {
  for (const one of all.slice(0, -1)) {
    try {
      return await work(one)
    } catch {
      // The next may be one that can be reached.
    }
  }
  return await work(all.at(-1)!)
}
