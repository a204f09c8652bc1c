import { existsSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest, forbidden } from '#base/failure.ts'
import { hostRoot } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import { readConfig } from '#config/config.ts'
import { bool, choice, list, size, string } from '#config/key.ts'
import type { MountsInside } from '#guest/mounts-inside.ts'
import type { BindOptions, DetachedMount, MountFlag, Mounts, Propagation } from '#host/mounts.ts'
import { SyscallError } from '#host/native.ts'
import { findDirectory } from '#projects/policy/disk-paths.ts'
import type { Policy } from '#projects/policy/policy.ts'
import type { Pools } from '#storage/pools.ts'
import type { CheckContext, DeviceConfig, DeviceContext, DeviceKind, DeviceStart } from './device.ts'
import { folderOf, forgetPlace, makeFolder, mountEntry, pathInside } from './place.ts'

/** What disks need of the daemon. */
export interface DiskParts {
  readonly mounts: Mounts
  readonly inside: MountsInside
  readonly pools: Pick<Pools, 'volumeKeys'>
  readonly policy: Pick<Policy, 'diskDirectories'>
  /** LXD_DIR/devices. */
  readonly devicesDirectory: string
}

const flags: readonly MountFlag[] = ['nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'strictatime', 'nosymfollow']

function readFlag(text: string): MountFlag {
  const flag = flags.find((one) => one === text)
  if (!flag) throw new Error(`Invalid mount option "${text}": expected some of ${flags.join(', ')}`)
  return flag
}

const keys = {
  path: pathInside({ doc: 'Where the disk is mounted inside the instance; `/` is its root.', risk: 'safe' }),
  // Which sources a restricted project has is up to `restricted.devices.disk`.
  source: string({ doc: 'The directory or file of the host to mount.', risk: 'safe' }),
  pool: string({ doc: 'The storage pool of the root disk.', risk: 'safe' }),
  size: size({
    doc: 'How much the root disk may hold.\n\nOnly in pools whose driver can limit it; others refuse the key.',
    risk: 'safe',
  }),
  readonly: bool({ doc: 'Whether the instance may only read.', default: 'false', risk: 'safe' }),
  recursive: bool({ doc: 'Whether what is mounted below the source comes along.', default: 'false', risk: 'safe' }),
  required: bool({
    doc: 'Whether the instance needs the source to be there when it starts.',
    default: 'true',
    risk: 'safe',
  }),
  shift: bool({
    doc: 'Whether files of the host belong to the same ids inside the instance.\n\nBy default they belong to nobody there.',
    default: 'false',
    risk: 'safe',
  }),
  propagation: choice(['private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable'], {
    doc: 'How mounts made later below the source, or inside, are seen on the other side.',
  }),
  'raw.mount.options': list(readFlag, { doc: `Options of the mount: some of ${flags.join(', ')}.`, risk: 'safe' }),
}

/** The keys that a root disk can have. */
const rootKeys = ['type', 'path', 'pool', 'size']

/** The root of an instance, or a directory or file of the host. */
export function disk(parts: DiskParts): DeviceKind {
  return {
    kind: 'disk',
    doc: `The root file system of an instance (\`path=/\`), or a directory or file of the host.`,
    hotplug: true,
    keys,
    restriction: 'disk',
    check: (config, context) => check(parts, config, context),
    start: (context, undo) => start(parts, context, undo),
    async stop(context) {
      if (isRoot(context.config)) return
      const { path = '/' } = readConfig(keys, context.config)
      if (context.pid !== undefined) await parts.inside.detach(context.pid, path)
      await forget(parts, context)
    },
  }
}

function isRoot(config: DeviceConfig): boolean {
  return readConfig(keys, config).path === '/'
}

function check({ pools, policy }: DiskParts, config: DeviceConfig, { owner, device, inProfile }: CheckContext): void {
  const { path, source = '', required } = readConfig(keys, config)
  if (path === undefined) throw badRequest('Disk entry is missing the required "path" property')
  const others = Object.values(owner.devices).filter((one) => one !== config && one['type'] === 'disk' && one['path'])
  // Each is read by its own check; here only those that can be read count.
  const same = others.some((one) => `/${(one['path'] ?? '').split('/').filter(Boolean).join('/')}` === path)
  if (same) throw badRequest(`More than one disk device uses the same path "${path}"`)
  if (path === '/') {
    checkRoot(pools, config)
    return
  }
  if (config['size']) throw badRequest('Only the root disk may have a size quota')
  if (config['pool']) throw badRequest('"pool": Only the root disk can be in a storage pool')
  if (source === '') throw badRequest('Disk entry is missing the required "source" property')
  if (!source.startsWith('/')) throw badRequest('Source path must be absolute for local sources')
  if (source.length > 4000 || /\p{Cc}/u.test(source)) throw badRequest('"source": Invalid path')
  if (!inProfile && required && !isThere(source, policy.diskDirectories(owner.project))) {
    throw badRequest(`Missing source path "${source}" for disk "${device}"`)
  }
}

/** Whether a source is there: where it has to be in a directory, there and by no link out of it. */
function isThere(source: string, directories: readonly string[] | undefined): boolean {
  if (!directories) return existsSync(source)
  try {
    const real = realpathSync(source)
    return directories.some((directory) => findDirectory([realpathSync(directory)], real) !== undefined)
  } catch {
    return false
  }
}

function checkRoot(pools: DiskParts['pools'], config: DeviceConfig): void {
  if (config['source']) throw badRequest('Root disk entry may not have a "source" property set')
  if (!config['pool']) throw badRequest('Root disk entry must have a "pool" property set')
  const other = Object.keys(config).find((key) => config[key] && !rootKeys.includes(key))
  if (other !== undefined) throw badRequest(`"${other}": A root disk can not have this key`)
  const volumeKeys = pools.volumeKeys(config['pool'])
  if (config['size'] && volumeKeys && !Object.hasOwn(volumeKeys, 'size')) {
    throw badRequest(`"size": Storage pool "${config['pool']}" can not limit the size of a root disk`)
  }
}

async function start(parts: DiskParts, context: DeviceContext, undo: Undo): Promise<DeviceStart> {
  const nothing = { lxc: [], volatile: {} }
  if (isRoot(context.config)) {
    if (context.pid !== undefined) throw badRequest('The root disk can not be changed while the instance is running')
    return nothing
  }
  const { path = '/' } = readConfig(keys, context.config)
  using mount = await openSource(parts, context)
  if (!mount) return nothing

  if (context.pid !== undefined) {
    const owner = { uid: hostRoot(context.idmap, 'uid'), gid: hostRoot(context.idmap, 'gid') }
    if (!isRestricted(context)) await parts.inside.attach(context.pid, mount, { path, owner })
    else {
      await using _ = { [Symbol.asyncDispose]: () => forget(parts, context) }
      const place = await mountAtPlace(parts, context, mount)
      await parts.inside.attachLocked(context.pid, { path: place, kind: mount.kind }, { path, owner })
    }
    return nothing
  }
  undo.add(`unmount disk "${context.device}"`, () => forget(parts, context))
  const place = await mountAtPlace(parts, context, mount)
  return { lxc: [mountEntry(place, path, entryOptions(mount.kind, context.config))], volatile: {} }
}

/** The source as the instance is to see it, or undefined where it is missing and may be. */
async function openSource({ mounts, policy }: DiskParts, context: DeviceContext): Promise<DetachedMount | undefined> {
  const values = readConfig(keys, context.config)
  const source = values.source ?? ''
  try {
    const place = placeOfSource(source, policy.diskDirectories(context.owner.project))
    const mount = await mounts.detachedBind(place.source, { ...bindOptions(context), ...place.options })
    if (mount.kind !== 'block device') return mount
    mount[Symbol.dispose]()
    throw badRequest(`"${source}" is a block device, expected a directory or file`)
  } catch (cause) {
    const code = cause instanceof SyscallError ? cause.code : ''
    if (code === 'ENOENT' && !values.required) return undefined
    if (code === 'ENOENT') throw badRequest(`Missing source path "${source}" for disk "${context.device}"`)
    if (code === 'EXDEV' || code === 'ELOOP') throw forbidden(`Disk source path "${source}" not allowed`, { cause })
    if (code === 'EINVAL' && values.shift)
      throw badRequest(`Cannot shift the ids of disk "${context.device}": the file system of "${source}" can not`)
    throw cause
  }
}

/**
 * How a source is opened. In a project that is bound to some directories, below the one it is in: a link that someone
 * put there later, or while this happens, leads nowhere else.
 */
function placeOfSource(source: string, directories: readonly string[] | undefined) {
  if (!directories) return { source, options: {} }
  const found = findDirectory(directories, source)
  if (!found) throw forbidden(`Disk source path "${source}" not allowed`)
  return { source: found.rest, options: { below: found.directory } }
}

function bindOptions({ config, idmap, pid }: DeviceContext): BindOptions {
  const values = readConfig(keys, config)
  return {
    map: values.shift ? idmap : [],
    readonly: values.readonly,
    recursive: values.recursive,
    flags: values['raw.mount.options'] ?? [],
    propagation: propagationOf(values.propagation, pid !== undefined),
  }
}

/**
 * Before the instance starts the mount stays with the source's peers and liblxc does the rest; in one that runs the
 * mount is never a peer of the host's, so that nothing mounted inside comes out.
 */
function propagationOf(wanted: string | undefined, running: boolean): Propagation | 'keep' {
  const mode = wanted?.replace(/^r/, '')
  if (mode === undefined || mode === 'private') return 'private'
  if (!running) return 'keep'
  return mode === 'unbindable' ? 'unbindable' : 'slave'
}

function placeOf({ devicesDirectory }: DiskParts, context: DeviceContext): string {
  return join(folderOf(devicesDirectory, context), `disk.${context.device}`)
}

/** Whether the mount takes from a container with a user namespace what its root could take back: a plain mount it can mount again. */
function isRestricted({ config, idmap }: DeviceContext): boolean {
  const values = readConfig(keys, config)
  return idmap.length > 0 && (values.readonly || (values['raw.mount.options'] ?? []).length > 0)
}

async function mountAtPlace(parts: DiskParts, context: DeviceContext, mount: DetachedMount): Promise<string> {
  await forget(parts, context)
  const place = await makePlace(parts, context, mount.kind)
  await parts.mounts.attach(mount, place)
  return place
}

/** Something to mount on. */
async function makePlace(parts: DiskParts, context: DeviceContext, kind: DetachedMount['kind']): Promise<string> {
  await makeFolder(parts.devicesDirectory, context)
  const place = placeOf(parts, context)
  if (kind === 'directory') await mkdir(place, { mode: 0o700 })
  else await writeFile(place, '', { mode: 0o600, flag: 'wx' })
  return place
}

async function forget(parts: DiskParts, context: DeviceContext): Promise<void> {
  const place = placeOf(parts, context)
  // More than one where a crash came between.
  for (const { path } of await parts.mounts.list()) if (path === place) await parts.mounts.unmount(place)
  await forgetPlace(place)
}

function entryOptions(kind: DetachedMount['kind'], config: DeviceConfig): string[] {
  const { recursive, propagation } = readConfig(keys, config)
  return [
    recursive ? 'rbind' : 'bind',
    `create=${kind === 'directory' ? 'dir' : 'file'}`,
    ...(propagation ? [propagation] : []),
  ]
}
