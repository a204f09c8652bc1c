import { fstat as fstatCallback, open as openCallback } from 'node:fs'
import type { Stats } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { hostRoot } from '#base/idmap.ts'
import type { IdMap } from '#base/idmap.ts'
import { SyscallError } from './native.ts'
import * as sys from './syscalls.ts'
import type { Descriptor } from './syscalls.ts'
import type { UserNamespaces } from './user-namespaces.ts'

const fstat = promisify(fstatCallback)
const openFile = promisify(openCallback)

/** One line of the mount table (proc(5), `/proc/pid/mountinfo`). */
export interface MountEntry {
  /** The directory of the file system that is its root. */
  readonly root: string
  /** Where it is mounted. */
  readonly path: string
  /** Per-mount options, such as `ro` and `nosuid`. */
  readonly options: readonly string[]
  readonly type: string
  readonly source: string
}

/** How a mount takes part in what is mounted elsewhere, in the words of mount(8). */
export type Propagation = keyof typeof sys.propagations

/** Attributes a mount can get besides being read-only, in the words of mount(8). */
export type MountFlag = 'nosuid' | 'nodev' | 'noexec' | 'noatime' | 'nodiratime' | 'strictatime' | 'nosymfollow'

export interface BindOptions {
  /**
   * A directory that the source is in: it is relative to it, and links on the way to it that lead out of the directory
   * are not followed (ENOENT, ELOOP or EXDEV).
   */
  readonly below?: string
  /** Ids inside the mount are those of this map; without one, or with an empty one, they are as on disk. */
  readonly map?: IdMap
  readonly readonly?: boolean
  /** With everything mounted below the source. All options apply to that, too. */
  readonly recursive?: boolean
  readonly flags?: readonly MountFlag[]
  /** Private unless said otherwise; `keep` leaves that of the source. */
  readonly propagation?: Propagation | 'keep'
}

/** A mount that is attached nowhere; it goes with its descriptor. */
export interface DetachedMount extends Disposable {
  readonly number: number
  readonly kind: 'directory' | 'file' | 'block device'
}

/** The directories of an overlay (overlayfs in the kernel's documentation). */
export interface OverlayLayers {
  /** The tree below, which is never written. */
  readonly lower: string
  /** A directory that holds `upper` and `work`. */
  readonly layers: string
  /** The map of the container that is to use it; layers keep their ids on disk. */
  readonly map: IdMap
  /** What the mount table shows as its source. */
  readonly name: string
}

/** Mounts of this mount namespace. */
export interface Mounts {
  list(): Promise<readonly MountEntry[]>
  /** Mounts the file or directory `source` at `target`, which is of the same kind. */
  bind(source: string, target: string, options?: BindOptions): Promise<void>
  /** A bind mount that is not attached anywhere yet, to be handed to another mount namespace. */
  detachedBind(source: string, options?: BindOptions): Promise<DetachedMount>
  /** Attaches a mount at `target`. */
  attach(mount: DetachedMount, target: string): Promise<void>
  overlay(layers: OverlayLayers, target: string): Promise<void>
  /** Unmounts what is at `path` on top; no failure where nothing is. A mount in use goes as soon as it is free. */
  unmount(path: string): Promise<void>
  /** Writes what the file system at `path` still holds in memory to its disk. */
  flush(path: string): Promise<void>
}

/** Reads the mount table as the kernel writes it. */
export function parseMountinfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ', 2)
      const fields = left.split(' ')
      const [type = '', source = ''] = right.split(' ')
      return {
        root: unescapeField(fields[3] ?? ''),
        path: unescapeField(fields[4] ?? ''),
        options: (fields[5] ?? '').split(','),
        type,
        source: unescapeField(source),
      }
    })
}

/** Space, tab, line feed and backslash are written as three octal digits; others are bytes of UTF-8. */
function unescapeField(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/**
 * The real {@link Mounts}. With `attachLayers` overlays are always made the way older kernels need; otherwise that
 * way is taken where the other does not work.
 */
export function realMounts(userNamespaces: UserNamespaces, options: { readonly attachLayers?: boolean } = {}): Mounts {
  // Asked once: a kernel that wants layers attached logs each refusal.
  let attachLayers = options.attachLayers ?? false

  /** Runs `work` with the map's user namespace, or with none for an empty map. */
  function withMap<T>(map: IdMap | undefined, work: (namespace: number | undefined) => T): Promise<T> {
    if (!map || map.length === 0) return Promise.resolve().then(() => work(undefined))
    return userNamespaces.use(map, work)
  }

  async function detachedBind(source: string, options: BindOptions = {}): Promise<DetachedMount> {
    const recursive = options.recursive ?? false
    const clone = await cloneSource(source, { below: options.below, recursive })
    try {
      await withMap(options.map, (namespace) => {
        sys.changeMount(clone.number, { ...attributesOf(options), ...mapTo(namespace), recursive })
      })
      return Object.assign(clone, { kind: kindOf(await fstat(clone.number)) })
    } catch (error) {
      clone[Symbol.dispose]()
      throw error
    }
  }

  return {
    async list() {
      return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'))
    },

    async bind(source, target, options) {
      using clone = await detachedBind(source, options)
      sys.attachMount(clone.number, target)
    },

    detachedBind,

    async attach(mount, target) {
      sys.attachMount(mount.number, target)
    },

    async overlay(layers, target) {
      await withMap(layers.map, (namespace) => {
        attachLayers = mountOverlay(layers, target, { namespace, attachLayers })
      })
    },

    async unmount(path) {
      try {
        await sys.umount(path)
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error
        if (error.code === 'EINVAL' || error.code === 'ENOENT') return
        if (error.code !== 'EBUSY') throw error
        await sys.umount(path, { detach: true })
      }
    },

    async flush(path) {
      await using directory = await open(path)
      await sys.syncfs(directory.fd)
    },
  }
}

async function cloneSource(
  source: string,
  { below, recursive }: { readonly below: string | undefined; readonly recursive: boolean },
): Promise<Descriptor> {
  if (below === undefined) return await sys.cloneMountLater(source, { recursive })
  using directory = new sys.Descriptor(await openPath(below))
  using found = await sys.openBelowLater(directory, source)
  return sys.cloneOpenMount(found, { recursive })
}

function openPath(directory: string): Promise<number> {
  return openFile(directory, sys.openFlags.path | sys.openFlags.directory)
}

function kindOf(stat: Stats): DetachedMount['kind'] {
  return stat.isDirectory() ? 'directory' : stat.isBlockDevice() ? 'block device' : 'file'
}

function mapTo(namespace: number | undefined): sys.MountChange {
  return namespace === undefined ? {} : { userNamespace: namespace }
}

function attributesOf({ readonly, flags = [], propagation = 'private' }: BindOptions): sys.MountChange {
  let set = readonly ? sys.mountAttributes.readonly : 0
  for (const flag of flags) set |= sys.mountAttributes[flag]
  const clear = set & sys.mountAttributes.atime ? sys.mountAttributes.atime : 0
  return { set, clear, ...(propagation === 'keep' ? {} : { propagation: sys.propagations[propagation] }) }
}

/** What the kernel lets the overlay do in its layers; not among them is the use of space reserved for root. */
const overlayCapabilities = Object.values(sys.capabilities)

/**
 * Mounts an overlay over idmapped clones of its layers, all in one go: nobody else sees the thread's credentials.
 * Returns whether the layers had to be attached.
 *
 * The overlay works in its layers as who mounts it. Below an idmapped mount that must be someone the map knows, the
 * container's root; the host's root would get an overlay that is silently read-only.
 */
function mountOverlay(
  { lower, layers, map, name }: OverlayLayers,
  target: string,
  how: { readonly namespace: number | undefined; readonly attachLayers: boolean },
): boolean {
  using lowerClone = sys.cloneMount(lower)
  using layersClone = sys.cloneMount(layers)
  for (const clone of [lowerClone, layersClone]) {
    sys.changeMount(clone.number, { ...mapTo(how.namespace), propagation: sys.propagations.private })
  }
  const root = { uid: hostRoot(map, 'uid'), gid: hostRoot(map, 'gid') }
  const make = () => sys.withCredentials(root, overlayCapabilities, () => makeOverlay(lowerClone, layersClone, name))

  const detached = how.attachLayers ? undefined : unlessInvalid(make)
  using mount = detached ?? withAttached([lowerClone, target], [layersClone, layers], make)
  sys.attachMount(mount.number, target)
  return detached === undefined
}

/** What `work` gives, or undefined where the kernel does not know what it asks for. */
function unlessInvalid<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof SyscallError && error.code === 'EINVAL') return undefined
    throw error
  }
}

/** Older kernels take only layers that are attached somewhere while the overlay is made. They can go right after. */
function withAttached<T>(one: [Descriptor, string], other: [Descriptor, string], work: () => T): T {
  using attached = new DisposableStack()
  for (const [clone, path] of [one, other]) {
    sys.attachMount(clone.number, path)
    attached.defer(() => sys.umountSync(path, { detach: true }))
  }
  return work()
}

function makeOverlay(lower: Descriptor, layers: Descriptor, name: string): Descriptor {
  const directory = { flags: sys.openFlags.path | sys.openFlags.directory, resolve: sys.resolveFlags.noSymlinks }
  using upper = sys.openat2(layers.number, 'upper', directory)
  using work = sys.openat2(layers.number, 'work', directory)
  using context = new sys.FileSystemContext('overlay')
  context.set('source', name)
  // By descriptor, so that no character of a path has to be quoted.
  context.set('lowerdir', lower.path)
  context.set('upperdir', upper.path)
  context.set('workdir', work.path)
  // Lets a directory of the lower tree be renamed.
  context.set('redirect_dir', 'on')
  context.set('index', 'off')
  context.set('metacopy', 'off')
  return context.mount()
}
