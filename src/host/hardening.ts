import { chmod, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What could not be kept from containers, and why. */
export interface NotHardened {
  readonly path: string
  readonly error: string
}

/** Files of the kernel that tell of all that runs, without regard to namespaces, and the mode that keeps them to root. */
const revealing: readonly (readonly [path: string, mode: number])[] = [
  // Names and control groups of every process.
  ['proc/sched_debug', 0o400],
  // Older kernels have a directory for each control group in there.
  ['sys/kernel/slab', 0o700],
]

/** The first PID namespace has this number on every kernel (include/linux/proc_ns.h). */
const firstPidNamespace = 'pid:[4026531836]'

/**
 * Takes away what containers could read of each other in files that the kernel makes for all: it shows them to users
 * of every namespace. Gives what could not be done. Inside a container or a sandbox nothing is done: the files are the
 * host's.
 */
export async function hardenHost(root = '/'): Promise<NotHardened[]> {
  if ((await readlink(join(root, 'proc/self/ns/pid')).catch(() => '')) !== firstPidNamespace) return []
  const failed: NotHardened[] = []
  for (const [name, mode] of revealing) {
    const path = join(root, name)
    try {
      const before = (await stat(path)).mode & 0o777
      // One who took more away keeps it so.
      if ((before & ~mode) !== 0) await chmod(path, before & mode)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failed.push({ path, error: (error as Error).message })
    }
  }
  return failed
}
