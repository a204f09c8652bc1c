import { readFileSync } from 'node:fs'
import { readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A mounted hierarchy of control groups. See cgroups(7). */
export interface Hierarchy {
  readonly version: 1 | 2
  /** What it controls; a named version 1 hierarchy has `name=NAME`, which controls nothing. */
  readonly controllers: readonly string[]
  readonly mountPoint: string
  /** The directory of the hierarchy that is found at the mount point. */
  readonly root: string
}

/** Reads the hierarchies out of `/proc/self/mountinfo`; `controllersOf` tells those of a version 2 mount point. */
export function parseHierarchies(mountinfo: string, controllersOf: (mountPoint: string) => string[]): Hierarchy[] {
  const found: Hierarchy[] = []
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '', mountPoint = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (found.some((hierarchy) => hierarchy.mountPoint === mountPoint)) continue
    if (type === 'cgroup2') found.push({ version: 2, controllers: controllersOf(mountPoint), mountPoint, root })
    if (type !== 'cgroup') continue
    const flags = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'favordynmods'])
    const controllers = options.split(',').filter((word) => !flags.has(word) && !word.startsWith('release_agent='))
    found.push({ version: 1, controllers, mountPoint, root })
  }
  return found
}

/** The hierarchies mounted on this host. */
export function readHierarchies(): Hierarchy[] {
  return parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), (mountPoint) =>
    readFileSync(join(mountPoint, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean),
  )
}

/**
 * The directories of a process's control groups, by hierarchy, read out of `/proc/PID/cgroup`. Hierarchies that the
 * process's path does not lead into are left out.
 */
export function parseCgroups(text: string, hierarchies: readonly Hierarchy[]): Map<Hierarchy, string> {
  const directories = new Map<Hierarchy, string>()
  for (const line of text.split('\n')) {
    const [, names = '', ...rest] = line.split(':')
    const path = rest.join(':').replace(/ \(deleted\)$/, '')
    const hierarchy = hierarchies.find(({ version, controllers }) =>
      names === '' ? version === 2 : version === 1 && names.split(',').every((name) => controllers.includes(name)),
    )
    if (!hierarchy || path === '') continue
    const below =
      hierarchy.root === '/' ? path : path.startsWith(hierarchy.root) ? path.slice(hierarchy.root.length) : ''
    if (below === '' || below.split('/').includes('..')) continue
    directories.set(hierarchy, join(hierarchy.mountPoint, below))
  }
  return directories
}

/** The hierarchy that serves a controller, such as `memory`. */
export function hierarchyOf(hierarchies: readonly Hierarchy[], controller: string): Hierarchy | undefined {
  return hierarchies.find(({ controllers }) => controllers.includes(controller))
}

/** The text of a control file without its line break, or undefined where the kernel has no such file or group. */
export async function readCgroupFile(directory: string, file: string): Promise<string | undefined> {
  try {
    return (await readFile(join(directory, file), 'latin1')).trim()
  } catch {
    return undefined
  }
}

/** Writes a control file. Throws where the kernel does not take the value. */
export async function writeCgroupFile(directory: string, file: string, value: string): Promise<void> {
  await writeFile(join(directory, file), value, { flag: 'r+' })
}

/** Removes a control group and those in it, as far as no process is in them. Whether it is gone. */
export async function removeCgroup(directory: string): Promise<boolean> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(directory, entry.name))
  try {
    await rmdir(directory)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
