import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { DetachedMount } from '#host/mounts.ts'
import type { Run } from '#host/run.ts'

/** What `mount-main.ts` is asked to do, as its argument in JSON. Descriptor 3 is the container's mount namespace. */
export type MountRequest =
  | {
      readonly do: 'attach'
      readonly path: string
      readonly kind: 'directory' | 'file'
      /** Who owns what has to be made: the container's root, in ids of the host. */
      readonly owner: { readonly uid: number; readonly gid: number }
    }
  | {
      readonly do: 'detach'
      readonly path: string
      /** As whom the empty file is removed that was made to mount on; undefined where it is to stay. */
      readonly remove?: { readonly uid: number; readonly gid: number } | undefined
    }

/** Mounts in containers that run. Paths are the container's, and lead nowhere else. */
export interface MountsInside {
  /** Attaches a mount inside the container of process `pid`, making what is missing of the path. */
  attach(
    pid: number,
    mount: DetachedMount,
    target: { readonly path: string; readonly owner: { readonly uid: number; readonly gid: number } },
  ): Promise<void>
  /** No failure where nothing is mounted. With `remove`, the container's root, an empty file below goes as well. */
  detach(pid: number, path: string, remove?: { readonly uid: number; readonly gid: number }): Promise<void>
}

/** A guest may hold up whoever looks at its files; this is how long it can, in milliseconds. */
const patience = 20_000

/**
 * The real {@link MountsInside}. Each call is a process of its own: only one without other threads can enter a mount
 * namespace, and it can be killed where the guest does not let it go on.
 */
export function mountsInside(run: Run): MountsInside {
  const main = fileURLToPath(new URL('mount-main.ts', import.meta.url))

  async function call(pid: number, request: MountRequest, mounts: readonly number[]): Promise<void> {
    await using namespace = await open(`/proc/${pid}/ns/mnt`)
    await run(process.execPath, [main, JSON.stringify(request)], {
      descriptors: [namespace.fd, ...mounts],
      timeout: patience,
    })
  }

  return {
    attach: (pid, mount, { path, owner }) => {
      const kind = mount.kind === 'directory' ? 'directory' : 'file'
      return call(pid, { do: 'attach', path, kind, owner }, [mount.number])
    },
    detach: (pid, path, remove) => call(pid, { do: 'detach', path, remove }, []),
  }
}
