import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A kernel parameter, by the parts of its path below /proc/sys: the name of a link may have dots in it. */
export type SysctlPath = readonly string[]

/** The kernel's parameters (sysctl(8)). */
export interface Sysctls {
  /** Undefined where the kernel does not have it. */
  read(path: SysctlPath): Promise<string | undefined>
  /** The names below a path; none where the kernel does not have it. */
  list(path: SysctlPath): Promise<string[]>
  /** Writes only where the value differs: some parameters do things each time they are written. */
  write(path: SysctlPath, value: string): Promise<void>
}

/** The parameters of this process's namespaces. */
export const hostSysctls: Sysctls = {
  async read(path) {
    try {
      return (await readFile(file(path), 'utf8')).trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  list: (path) => readdir(file(path)).catch(() => []),
  async write(path, value) {
    if ((await hostSysctls.read(path)) !== value) await writeFile(file(path), value)
  },
}

/** {@link Sysctls} in memory, for tests. */
export class FakeSysctls implements Sysctls {
  readonly values = new Map<string, string>()

  read(path: SysctlPath): Promise<string | undefined> {
    return Promise.resolve(this.values.get(path.join('/')))
  }

  list(path: SysctlPath): Promise<string[]> {
    const below = `${path.join('/')}/`
    const names = [...this.values.keys()].filter((key) => key.startsWith(below))
    return Promise.resolve([...new Set(names.map((key) => key.slice(below.length).split('/')[0] ?? ''))])
  }

  write(path: SysctlPath, value: string): Promise<void> {
    this.values.set(path.join('/'), value)
    return Promise.resolve()
  }
}

function file(path: SysctlPath): string {
  for (const part of path) {
    if (part === '..' || part === '.' || part === '' || part.includes('/')) {
      throw new Error(`Invalid kernel parameter ${JSON.stringify(path.join('/'))}`)
    }
  }
  return join('/proc/sys', ...path)
}
