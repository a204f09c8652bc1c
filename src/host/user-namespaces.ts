import { closeSync } from 'node:fs'
import type { IdMap } from '#base/idmap.ts'
import { makeUserNamespace } from './user-namespace-process.ts'

/** User namespaces by their map, to be given to the kernel where it wants a map in that form. */
export interface UserNamespaces extends Disposable {
  /** Runs `work`, at once and without waiting inside, with a descriptor of a user namespace that has the map. */
  use<T>(map: IdMap, work: (descriptor: number) => T): Promise<T>
}

/** How many maps are kept ready. Containers of the default kind share one. */
const kept = 32

/** The real {@link UserNamespaces}: each namespace is made once, by a process that lives only for that. */
export function realUserNamespaces(): UserNamespaces {
  const cache = new Map<string, Promise<number>>()

  return {
    async use(map, work) {
      const key = JSON.stringify(map)
      const made = cache.get(key) ?? makeUserNamespace(map)
      cache.delete(key)
      cache.set(key, made)
      const descriptor = await made.catch((error: unknown) => {
        cache.delete(key)
        throw error
      })
      try {
        return work(descriptor)
      } finally {
        dropOldest(cache)
      }
    },
    [Symbol.dispose]() {
      for (const made of cache.values()) void made.then(closeSync, () => {})
      cache.clear()
    },
  }
}

function dropOldest(cache: Map<string, Promise<number>>): void {
  while (cache.size > kept) {
    const [key, made] = cache.entries().next().value ?? ['', Promise.resolve(-1)]
    cache.delete(key)
    // Whoever waits for it was there before and has it first.
    void made.then(closeSync, () => {})
  }
}
