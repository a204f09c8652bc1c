import { closeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { DetachedMount } from '#host/mounts.ts'
import type { Run } from '#host/run.ts'
import { makeLockedMountNamespace } from '#host/user-namespace-process.ts'

/** What `mount-main.ts` is asked to do, as its argument in JSON. Descriptor 3 is the container's mount namespace. */
export type MountRequest =
  | {
      readonly do: 'attach'
      readonly path: string
      readonly kind: 'directory' | 'file'
      /** Who owns what has to be made: the container's root, in ids of the host. */
      readonly owner: { readonly uid: number; readonly gid: number }
      /** Where the mount is in the mount namespace that descriptor 4 is then, in the place of the mount itself. */
      readonly from?: string | undefined
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
  /**
   * The same of the mount at `place` on the host, in such a way that the container's root can not take off it what it is
   * kept from, such as writing. A mount attached the plain way it could just mount again.
   */
  attachLocked(
    pid: number,
    place: { readonly path: string; readonly kind: DetachedMount['kind'] },
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
    attach: (pid, mount, { path, owner }) =>
      call(pid, { do: 'attach', path, kind: targetOf(mount.kind), owner }, [mount.number]),
    async attachLocked(pid, place, { path, owner }) {
      const namespace = await makeLockedMountNamespace(pid)
      try {
        await call(pid, { do: 'attach', path, kind: targetOf(place.kind), owner, from: place.path }, [namespace])
      } finally {
        closeSync(namespace)
      }
    },
    detach: (pid, path, remove) => call(pid, { do: 'detach', path, remove }, []),
  }
}

function targetOf(kind: DetachedMount['kind']): 'directory' | 'file' {
  return kind === 'directory' ? 'directory' : 'file'
}
