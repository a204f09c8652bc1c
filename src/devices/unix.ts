import { join } from 'node:path'
import { badRequest } from '#base/failure.ts'
import { hostId, hostRoot } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import { readConfig } from '#config/config.ts'
import { bool, integer, keyType } from '#config/key.ts'
import type { MountsInside } from '#guest/mounts-inside.ts'
import type { DeviceNodes, DeviceNumber } from '#host/device-nodes.ts'
import type { Mounts } from '#host/mounts.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { CheckContext, DeviceConfig, DeviceContext, DeviceKind, DeviceStart } from './device.ts'
import { folderOf, forgetPlace, makeFolder, mountEntry, pathInside } from './place.ts'
import { allowItem, deviceRule, isForEveryone } from './rules.ts'
import type { RuleFacts } from './rules.ts'

/** What device nodes of instances need of the daemon. */
export interface UnixParts {
  readonly nodes: DeviceNodes
  readonly mounts: Pick<Mounts, 'detachedBind'>
  readonly inside: Pick<MountsInside, 'attach' | 'detach'>
  readonly runtime: Pick<Runtime, 'setDeviceRule'>
  readonly facts: RuleFacts
  /** LXD_DIR/devices. */
  readonly devicesDirectory: string
}

const maxId = 2 ** 32 - 2

/** A path of the host's /dev. */
const hostPath = keyType('path', (text) => {
  const names = text.split('/')
  if (!text.startsWith('/dev/') || text.length > 4000 || /\p{Cc}/u.test(text) || names.includes('..')) {
    throw new Error(`Invalid path "${text}": expected a path in /dev without ".."`)
  }
  return text
})

/** Permissions in octal, such as `0660`. */
export const nodeMode = keyType('mode', (text) => {
  if (!/^0?[0-7]{3}$/.test(text)) throw new Error(`Invalid mode "${text}": expected an octal one such as 0660`)
  return Number.parseInt(text, 8)
})

/** Who inside may use a node. */
export const accessKeys = {
  uid: integer({ doc: 'The user that owns the device inside.', default: '0', min: 0, max: maxId }),
  gid: integer({ doc: 'The group that owns the device inside.', default: '0', min: 0, max: maxId }),
  mode: nodeMode({ doc: 'The permissions of the device inside.', default: '0660' }),
}

const keys = {
  source: hostPath({ doc: "The device's path on the host, in `/dev`. Where not set, it is `path`." }),
  path: pathInside({ doc: 'The path of the device inside. Where not set, it is `source`.' }),
  major: integer({ doc: 'The device number; found by the source where not set.', min: 0, max: 4095 }),
  minor: integer({ doc: 'The device number; found by the source where not set.', min: 0, max: 1_048_575 }),
  ...accessKeys,
  required: bool({
    doc: `Whether the instance needs the device to start.

An instance that starts while a device that isn't required is missing has it from its next start on.`,
    default: 'true',
  }),
}

/** A character device of the host. */
export function unixChar(parts: UnixParts): DeviceKind {
  return unix(parts, 'char')
}

/** A block device of the host. */
export function unixBlock(parts: UnixParts): DeviceKind {
  return unix(parts, 'block')
}

function unix(parts: UnixParts, of: 'char' | 'block'): DeviceKind {
  return {
    kind: `unix-${of}`,
    doc: `A ${of === 'char' ? 'character' : 'block'} device of the host, as a node inside the instance.

Taken away while the instance runs, it can be opened by nobody inside any more; who has it open keeps it.`,
    keys,
    restriction: `unix-${of}`,
    hotplug: true,
    check,
    transient: ['last_state.device'],
    start: (context, undo) => start(parts, of, context, undo),
    stop: (context) => stop(parts, context),
  }
}

function check(config: DeviceConfig, { owner }: CheckContext): void {
  const { source, path, major, minor } = readConfig(keys, config)
  if (source === undefined && path === undefined) {
    throw badRequest('Unix device entry is missing the required "source" or "path" property')
  }
  if (path === '/') throw badRequest('"path": Expected a path below the root')
  if ((major === undefined) !== (minor === undefined)) {
    throw badRequest('"major", "minor": Both major and minor must be supplied for a device')
  }
  if (source === undefined && major === undefined && !path?.startsWith('/dev/')) {
    throw badRequest('"path": A device outside of /dev needs a "source", or "major" and "minor"')
  }
  // Each is read by its own check; here only those that can be read count.
  const others = Object.values(owner.devices).filter((one) => one !== config && isUnix(one))
  if (others.some((one) => normalized(one['path'] || one['source']) === targetOf(config))) {
    throw badRequest(`More than one device uses the same path "${targetOf(config)}"`)
  }
}

function isUnix({ type }: DeviceConfig): boolean {
  return type === 'unix-char' || type === 'unix-block'
}

function normalized(path = ''): string {
  return `/${path.split('/').filter(Boolean).join('/')}`
}

function targetOf(config: DeviceConfig): string {
  return normalized(config['path'] || config['source'])
}

/** The device as the configuration and the host have it; undefined where it is missing and may be. */
async function findDevice(
  { nodes }: UnixParts,
  of: 'char' | 'block',
  config: DeviceConfig,
): Promise<DeviceNumber | undefined> {
  const { source, major, minor, required } = readConfig(keys, config)
  if (major !== undefined && minor !== undefined) return { kind: of, major, minor }
  const path = source ?? targetOf(config)
  const found = await nodes.read(path)
  if (found === undefined) {
    if (!required) return undefined
    throw badRequest(`The required device path "${path}" doesn't exist, and "major" and "minor" aren't set`)
  }
  if (found === 'none' || found.kind !== of) {
    throw badRequest(`"${path}" is not a ${of === 'char' ? 'character' : 'block'} device of the host`)
  }
  return found
}

async function start(parts: UnixParts, of: 'char' | 'block', context: DeviceContext, undo: Undo): Promise<DeviceStart> {
  const device = await findDevice(parts, of, context.config)
  if (!device) return { lxc: [], volatile: {} }
  return await startNode(parts, { device, path: targetOf(context.config) }, context, undo)
}

/** Makes a device usable inside an instance, at a path: one that is about to start, or one that runs. */
export async function startNode(
  parts: UnixParts,
  { device, path }: { readonly device: DeviceNumber; readonly path: string },
  context: DeviceContext,
  undo: Undo,
): Promise<DeviceStart> {
  const volatile = { 'last_state.device': deviceRule(device) }
  const place = placeOf(parts, context)
  await forgetPlace(place)
  undo.add(`remove the node of device "${context.device}"`, () => forgetPlace(place))
  await makeFolder(parts.devicesDirectory, context)
  await parts.nodes.make(place, device, accessOf(context))
  if (context.pid === undefined) {
    return { lxc: [...allowItem(parts.facts, device), mountEntry(place, path, ['bind', 'create=file'])], volatile }
  }
  using mount = await parts.mounts.detachedBind(place)
  if (parts.facts.cgroups.has('devices')) {
    undo.add(`forbid device "${context.device}"`, () => forbid(parts, device, context))
    await parts.runtime.setDeviceRule(context.owner.runtimeName, 'allow', deviceRule(device))
  }
  await parts.inside.attach(context.pid, mount, { path, owner: rootOf(context) })
  return { lxc: [], volatile }
}

function placeOf({ devicesDirectory }: UnixParts, context: DeviceContext): string {
  return join(folderOf(devicesDirectory, context), `unix.${context.device}`)
}

function rootOf({ idmap }: DeviceContext): { uid: number; gid: number } {
  return { uid: hostRoot(idmap, 'uid'), gid: hostRoot(idmap, 'gid') }
}

/** Ids of the host for those that the configuration has of the inside. */
function accessOf({ config, idmap }: DeviceContext): { mode: number; uid: number; gid: number } {
  const { uid, gid, mode } = readConfig(accessKeys, config)
  const [hostUid, hostGid] = [hostId(idmap, 'uid', uid), hostId(idmap, 'gid', gid)]
  if (hostUid === undefined) throw badRequest(`"uid": The instance has no user ${uid}`)
  if (hostGid === undefined) throw badRequest(`"gid": The instance has no group ${gid}`)
  return { mode, uid: hostUid, gid: hostGid }
}

async function stop(parts: UnixParts, context: DeviceContext): Promise<void> {
  const device = readRule(context.volatile['last_state.device'])
  if (context.pid !== undefined) {
    if (device) await forbid(parts, device, context)
    await parts.inside.detach(context.pid, targetOf(context.config), rootOf(context))
  }
  await forgetPlace(placeOf(parts, context))
}

/**
 * Takes the right to a device back: root inside may have mounted the node elsewhere. Not where the instance may use it
 * by another of its devices, or by what every instance may use.
 */
async function forbid(parts: UnixParts, device: DeviceNumber, context: DeviceContext): Promise<void> {
  if (!parts.facts.cgroups.has('devices') || isForEveryone(device)) return
  for (const [name, config] of Object.entries(context.owner.devices)) {
    if (name === context.device || !isUnix(config)) continue
    const other = await findDevice(parts, config['type'] === 'unix-char' ? 'char' : 'block', config).catch(() => {})
    if (other && deviceRule(other) === deviceRule(device)) return
  }
  await parts.runtime.setDeviceRule(context.owner.runtimeName, 'deny', deviceRule(device))
}

/** What `last_state.device` says. */
function readRule(text = ''): DeviceNumber | undefined {
  const [, kind, major, minor] = /^([bc]) (\d+):(\d+) rwm$/.exec(text) ?? []
  if (kind === undefined) return undefined
  return { kind: kind === 'b' ? 'block' : 'char', major: Number(major), minor: Number(minor) }
}
