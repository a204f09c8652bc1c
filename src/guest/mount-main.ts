/**
 * Attaches a mount inside a running container, or takes one away: a process of its own, see `mounts-inside.ts`.
 *
 * The container's root is this process's root from the moment it enters; paths are walked by the kernel, which lets
 * no link lead out.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import { SyscallError } from '#host/native.ts'
import * as sys from '#host/syscalls.ts'
import type { Descriptor } from '#host/syscalls.ts'
import type { MountRequest } from './mounts-inside.ts'

const namespaceDescriptor = 3
const mountDescriptor = 4

const inRoot = sys.resolveFlags.inRoot | sys.resolveFlags.noMagiclinks
const { path: pathOnly, directory, create, exclusive, nofollow } = sys.openFlags

function openInside(root: Descriptor, path: string, flags = 0): Descriptor | undefined {
  try {
    return sys.openat2(root.number, path, { flags: pathOnly | flags, resolve: inRoot })
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Opens a directory of the container, making what is missing of it. */
function openDirectory(root: Descriptor, names: readonly string[], make: (work: () => void) => void): Descriptor {
  const found = openInside(root, names.join('/') || '.', directory)
  if (found) return found
  using parent = openDirectory(root, names.slice(0, -1), make)
  make(() => sys.mkdirat(parent.number, names.at(-1) ?? '', 0o755))
  return sys.openat2(parent.number, names.at(-1) ?? '', {
    flags: pathOnly | directory | nofollow,
    resolve: sys.resolveFlags.beneath,
  })
}

function openFile(root: Descriptor, names: readonly string[], make: (work: () => void) => void): Descriptor {
  const found = openInside(root, names.join('/'))
  if (found) return found
  using parent = openDirectory(root, names.slice(0, -1), make)
  const name = names.at(-1) ?? ''
  make(() => {
    const flags = create | exclusive | nofollow
    sys.openat2(parent.number, name, { flags, mode: 0o644, resolve: inRoot })[Symbol.dispose]()
  })
  return sys.openat2(parent.number, name, { flags: pathOnly | nofollow, resolve: sys.resolveFlags.beneath })
}

function attach(
  root: Descriptor,
  names: readonly string[],
  { request, mount }: { readonly request: MountRequest & { readonly do: 'attach' }; readonly mount: number },
): void {
  const make = (work: () => void) => sys.withCredentials(request.owner, Object.values(sys.capabilities), work)
  const open = request.kind === 'directory' ? openDirectory : openFile
  using target = open(root, names, make)
  sys.attachMount(mount, target)
}

/** A clone of the mount at a path of the namespace that is given: what is locked there is locked of it, too. */
function cloneLocked(path: string): Descriptor {
  sys.enterMountNamespace(mountDescriptor)
  return sys.cloneMount(path, { recursive: true })
}

/** The directory of something mounted before; none where the guest has put something else on the way there. */
function openParent(root: Descriptor, names: readonly string[]): Descriptor | undefined {
  try {
    return openInside(root, names.slice(0, -1).join('/') || '.', directory)
  } catch (error) {
    if (error instanceof SyscallError && (error.code === 'ELOOP' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
}

function detach(
  root: Descriptor,
  names: readonly string[],
  { remove }: MountRequest & { readonly do: 'detach' },
): void {
  using parent = openParent(root, names)
  if (!parent) return
  // By its name in its directory, the one way that follows no link at the end.
  sys.fchdir(parent)
  const name = names.at(-1) ?? ''
  try {
    sys.umountSync(name, { detach: true })
  } catch (error) {
    if (!(error instanceof SyscallError && (error.code === 'EINVAL' || error.code === 'ENOENT'))) throw error
  }
  if (remove) sys.withCredentials(remove, Object.values(sys.capabilities), () => removeEmpty(name))
}

/** Removes the file that was mounted on, unless the guest has put something of its own there. */
function removeEmpty(name: string): void {
  try {
    const found = lstatSync(name)
    if (found.isFile() && found.size === 0) unlinkSync(name)
  } catch {
    // It is gone, or still mounted on elsewhere: either way it is the guest's own.
  }
}

const request = JSON.parse(process.argv[2] ?? '') as MountRequest
try {
  const names = request.path.split('/').filter((name) => name !== '')
  const locked = request.do === 'attach' && request.from !== undefined ? cloneLocked(request.from) : undefined
  sys.enterMountNamespace(namespaceDescriptor)
  using root = sys.openat2(sys.atCwd, '/', { flags: pathOnly | directory, resolve: 0 })
  if (request.do === 'attach') attach(root, names, { request, mount: locked?.number ?? mountDescriptor })
  else detach(root, names, request)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
