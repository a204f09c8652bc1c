import { posix } from 'node:path'
import { parseCidr } from '#base/address.ts'
import { readConfig } from '#config/config.ts'
import { bool, choice, integer, keyType, list, parseBool, size, string } from '#config/key.ts'
import type { Values } from '#config/key.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import { parseHostIds } from './id-ranges.ts'

/** What a project can have of its own, rather than share with the project "default". */
export const features = ['images', 'networks', 'profiles', 'storage.volumes'] as const

export type ProjectFeature = (typeof features)[number]

/** The features a new project has unless its creator says otherwise. */
export const initialFeatures: readonly ProjectFeature[] = ['images', 'profiles', 'storage.volumes']

const maxCount = 2 ** 32 - 1

function limit(doc: string) {
  return integer({ doc, min: 0, max: maxCount, live: true })
}

/** A restriction that is either in force or not. */
function permission(doc: string) {
  return choice(['allow', 'block'], { doc, default: 'block', live: true })
}

function names(doc: string) {
  return list((name) => name, { doc, live: true })
}

const hostIds = (doc: string) => list(parseHostIds, { doc, live: true })

function parsePath(text: string): string {
  if (!text.startsWith('/') || /\p{Cc}/u.test(text))
    throw new Error(`Invalid path "${text}": expected an absolute path`)
  return posix.normalize(text)
}

/** A network and a part of it, such as `uplink0:10.1.0.0/24`. */
const parseUplinkSubnet = (text: string) => {
  const at = text.indexOf(':')
  if (at < 1) throw new Error(`Invalid subnet "${text}": expected the name of an uplink, ":" and a subnet`)
  return { uplink: text.slice(0, at), subnet: parseCidr(text.slice(at + 1)) }
}

/** `block`, or a list. */
function listOrBlock<T>(parseItem: (text: string) => T, doc: string) {
  return keyType('list', (text): readonly T[] =>
    text === 'block' ? [] : text.split(',').map((item) => parseItem(item.trim())),
  )({ doc, default: 'block', live: true })
}

/** Every key of a project's configuration that has an effect. */
export const projectKeys = {
  'features.images': bool({
    doc: 'Whether the project has images and image aliases of its own.\n\nA new project has, unless told otherwise.',
    default: 'false',
    live: true,
  }),
  'features.networks': bool({
    doc: 'Whether the project has networks of its own.\n\nOnly the project "default" can have them so far.',
    default: 'false',
    live: true,
  }),
  'features.profiles': bool({
    doc: `Whether the project has profiles of its own.

A new project has, unless told otherwise. A restricted one must have.`,
    default: 'false',
    live: true,
  }),
  'features.storage.volumes': bool({
    doc: 'Whether the project has custom storage volumes of its own.\n\nA new project has, unless told otherwise.',
    default: 'false',
    live: true,
  }),

  'images.auto_update_cached': bool({
    doc: "Whether images that are fetched because an instance needs them follow the alias they were found by.\n\nWhere it is not set, the server's key of this name says so.",
    live: true,
  }),
  'images.auto_update_interval': integer({
    doc: "Hours between two looks for newer images where the project's images came from; 0 for never.\n\nWhere it is not set, the server's key of this name says so.",
    min: 0,
    max: 24 * 365,
    live: true,
  }),
  'images.remote_cache_expiry': integer({
    doc: "Days after which an image goes that was fetched because an instance needed it and that nobody has used since.\n\nWhere it is not set, the server's key of this name says so.",
    min: 0,
    max: 365 * 100,
    live: true,
  }),
  'limits.instances': limit('Instances the project may have.'),
  'limits.containers': limit('Containers the project may have.'),
  'limits.virtual-machines': limit('Virtual machines the project may have.'),
  'limits.networks': limit('Networks the project may have.'),
  'limits.cpu': limit(`CPUs the instances of the project may have together.

The sum of their \`limits.cpu\`, which each then must have, as a number of CPUs rather than a set of them.`),
  'limits.memory': size({
    doc: `Memory the instances of the project may have together.

The sum of their \`limits.memory\`, which each then must have, as an amount rather than a percentage.`,
    live: true,
  }),
  'limits.processes': limit(`Processes the instances of the project may have together.

The sum of their \`limits.processes\`, which each then must have.`),
  'limits.disk': size({
    doc: `Disk space the project may have.

The sum of the \`size\` of the root disks of its instances, which each then must have, and of the files of its images.
An image that is being uploaded counts from its first byte.`,
    live: true,
  }),

  restricted: bool({
    doc: `Whether the project is kept from what endangers the host or other projects.

What the \`restricted.*\` keys then allow is allowed, and nothing else of what they name.`,
    default: 'false',
    live: true,
  }),
  'restricted.backups': permission('Whether backups of instances and volumes can be made.'),
  'restricted.cluster.groups': names('The groups of cluster members that instances can be placed in.'),
  'restricted.cluster.target': permission('Whether instances can be placed on a cluster member of choice.'),
  'restricted.containers.interception': choice(['allow', 'block', 'full'], {
    doc: `Whether system calls of containers can be carried out by the daemon.

\`allow\` opens what is usually safe, \`full\` mounting file systems of the host's kernel as well.`,
    default: 'block',
    live: true,
  }),
  'restricted.containers.lowlevel': permission(`Whether containers can have low-level options.

Such are \`raw.lxc\`, \`raw.seccomp\` and what else goes to the kernel or to liblxc as it is written. The reference
names the class of each key.`),
  'restricted.containers.nesting': permission('Whether containers can have `security.nesting`.'),
  'restricted.containers.privilege': choice(['allow', 'isolated', 'unprivileged'], {
    doc: `How far containers must be from the users of the host.

\`unprivileged\` rules out \`security.privileged\`; \`isolated\` asks in addition that \`security.idmap.isolated\` is
true, of the container itself or by a profile.`,
    default: 'unprivileged',
    live: true,
  }),
  'restricted.devices.disk': choice(['allow', 'block', 'managed'], {
    doc: `Which disks instances can have besides their root.

\`managed\`: volumes of storage pools. \`allow\`: paths of the host as well, see \`restricted.devices.disk.paths\`.`,
    default: 'managed',
    live: true,
  }),
  'restricted.devices.disk.paths': list(parsePath, {
    doc: `The directories of the host that disks can come from, where \`restricted.devices.disk\` is \`allow\`.

All of the host's, where not set. Symbolic links that lead out of a directory in the list are not followed.`,
    live: true,
  }),
  'restricted.devices.gpu': permission('Whether instances can have devices of the type `gpu`.'),
  'restricted.devices.infiniband': permission('Whether instances can have devices of the type `infiniband`.'),
  'restricted.devices.nic': choice(['allow', 'block', 'managed'], {
    doc: `Which NICs instances can have.

\`managed\`: those on managed networks (\`network=\`), see \`restricted.networks.access\`.`,
    default: 'managed',
    live: true,
  }),
  'restricted.devices.pci': permission('Whether instances can have devices of the type `pci`.'),
  'restricted.devices.proxy': permission('Whether instances can have devices of the type `proxy`.'),
  'restricted.devices.unix-block': permission('Whether instances can have devices of the type `unix-block`.'),
  'restricted.devices.unix-char': permission('Whether instances can have devices of the type `unix-char`.'),
  'restricted.devices.unix-hotplug': permission('Whether instances can have devices of the type `unix-hotplug`.'),
  'restricted.devices.usb': permission('Whether instances can have devices of the type `usb`.'),
  'restricted.idmap.uid': hostIds('The users of the host that `raw.idmap` of an instance can map.'),
  'restricted.idmap.gid': hostIds('The groups of the host that `raw.idmap` of an instance can map.'),
  'restricted.networks.access': names('The networks that instances can be on. All, where not set.'),
  'restricted.networks.subnets': listOrBlock(
    parseUplinkSubnet,
    'The subnets of uplink networks that networks of the project can have.',
  ),
  'restricted.networks.uplinks': listOrBlock(
    (name) => name,
    'The networks that can be uplinks of those of the project.',
  ),
  'restricted.networks.zones': listOrBlock((name) => name, 'The network zones that networks of the project can use.'),
  'restricted.snapshots': permission('Whether snapshots of instances and volumes can be made.'),
  'restricted.virtual-machines.lowlevel': permission('Whether virtual machines can have low-level options.'),

  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}

/** The rules of a project: its configuration, read, with defaults. */
export type Rules = Values<typeof projectKeys>

/** Reads the configuration of a project, which must have been checked. */
export function rulesOf(project: Pick<ProjectRecord, 'config'>): Rules {
  return readConfig(projectKeys, project.config)
}

/** Whether a project has the images, networks, profiles or volumes it uses to itself. */
export function hasFeature(project: ProjectRecord, feature: ProjectFeature): boolean {
  return parseBool(project.config[`features.${feature}`] || 'false')
}
