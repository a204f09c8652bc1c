import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { changeMount, cloneMount } from './syscalls.ts'
import type { UserNamespaces } from './user-namespaces.ts'

/** What the kernel can do, under LXD's names. */
export type KernelFeatures = Readonly<Record<string, boolean>>

/** Finds out what the kernel can do: by trying where that is cheap, else by the version that brought it. */
export async function readKernelFeatures(options: {
  /** A directory on the file system that instances will be on: whether mounts can be idmapped is its matter. */
  readonly directory: string
  readonly userNamespaces: UserNamespaces
}): Promise<KernelFeatures> {
  const [actions, filesystems, idmapped] = await Promise.all([
    readOrNothing('/proc/sys/kernel/seccomp/actions_avail'),
    readOrNothing('/proc/filesystems'),
    canIdmap(options.directory, options.userNamespaces),
  ])
  const listener = actions.split(/\s+/).includes('user_notif')
  const kernel = release()
  return {
    idmapped_mounts: idmapped,
    // IFA_TARGET_NETNSID of rtnetlink(7)
    netnsid_getifaddrs: atLeast(kernel, 4, 20),
    seccomp_listener: listener,
    // SECCOMP_USER_NOTIF_FLAG_CONTINUE of seccomp_unotify(2)
    seccomp_listener_continue: listener && atLeast(kernel, 5, 5),
    shiftfs: /(^|\s)shiftfs$/m.test(filesystems),
    // Uevents are sent per network namespace
    uevent_injection: atLeast(kernel, 4, 18),
    // Version 3 of file capabilities, capabilities(7)
    unpriv_fscaps: atLeast(kernel, 4, 14),
  }
}

/** Whether a kernel's release, such as `6.1.0-40-amd64`, is of this version or a later one. */
export function atLeast(kernel: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernel.split(/[.-]/).map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

async function canIdmap(directory: string, userNamespaces: UserNamespaces): Promise<boolean> {
  try {
    return await userNamespaces.use([{ kind: 'both', inside: 0, host: 100_000, count: 1 }], (userNamespace) => {
      using mount = cloneMount(directory)
      changeMount(mount.number, { userNamespace })
      return true
    })
  } catch {
    return false
  }
}

async function readOrNothing(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}
