import { badRequest, kindOf } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { getImage, getImageAlias } from '#client/images.ts'
import { createInstance, type Config, type InstancesPost } from '#client/instances.ts'
import { getNetwork } from '#client/networks.ts'
import { waitOperation } from '#client/operations.ts'
import { getProfile } from '#client/profiles.ts'
import { getStoragePool } from '#client/storage.ts'

import { switchFlag, textFlag, textsFlag, type Call, type FlagValues } from '../command.ts'
import { networkDevice } from '../network/network-device.ts'
import { splitPair } from '../pairs.ts'
import { startProgress } from '../progress.ts'
import { firstThatWorks } from '../first-that-works.ts'
import type { Named } from '../remotes.ts'

/** Flags of `init` and `launch`. */
export const createFlags = {
  config: textsFlag('Config key/value to apply to the new instance', { short: 'c' }),
  device: textsFlag('New key/value to apply to a specific device', { short: 'd' }),
  empty: switchFlag('Create an empty instance'),
  ephemeral: switchFlag('Ephemeral instance', { short: 'e' }),
  network: textFlag('Network name', { short: 'n' }),
  'no-profiles': switchFlag('Create the instance with no profiles applied'),
  profile: textsFlag('Profile to apply to the new instance', { short: 'p' }),
  storage: textFlag('Storage pool name', { short: 's' }),
  target: textFlag('Cluster member name'),
  type: textFlag('Instance type', { short: 't' }),
  vm: switchFlag('Create a virtual machine'),
} as const

type Create = Call<typeof createFlags>
type Values = FlagValues<typeof createFlags>

/** An instance that has been made. */
export interface Created {
  readonly connection: Connection
  readonly name: string
}

/** Makes the instance a call of `init` or `launch` asks for, telling what it does. */
export async function create(call: Create): Promise<Created> {
  const { flags, globals, remotes, at } = call
  const [image, wanted] = readArgs(call)
  const { remote, name } = remotes.parse(wanted)
  const connection = remotes.connect(remote)
  const from = flags.empty ? undefined : remotes.parse(image)

  const given = await readStandardInput(call)
  if (!globals.quiet) at.print(name === '' ? 'Creating the instance\n' : `Creating ${name}\n`)

  const config = {
    ...given.config,
    ...Object.fromEntries(flags.config.map((pair) => splitPair(pair, 'Bad key=value pair: '))),
  }
  const profiles = profilesOf(flags, given)
  const devices = await devicesOf(connection, flags, { ...given, profiles })
  const { sources, type } = from === undefined ? emptySource(flags) : await imageSource(call, from, remote)
  const post: Omit<InstancesPost, 'source'> = {
    ...given,
    name,
    type,
    instance_type: flags.type,
    ephemeral: flags.ephemeral || given.ephemeral === true,
    config,
    profiles,
    devices,
  }

  using progress = startProgress('Retrieving image: ', globals, at)
  const ended = await firstThatWorks(sources, async (source) => {
    const operation = await createInstance(connection, { ...post, source: await source() }, flags.target || undefined)
    return await waitOperation(connection, operation, progress)
  })
  return { connection, name: name || nameFrom(ended.resources) }
}

function readArgs({ args, flags }: Create): [image: string, instance: string] {
  if (!flags.empty) return [args[0]!, args[1] ?? '']
  if (args.length > 1) throw badRequest('--empty cannot be combined with an image name')
  return ['', args[0] ?? '']
}

async function readStandardInput({ at }: Create): Promise<Partial<InstancesPost>> {
  if (at.terminal.stdin) return {}
  const text = Buffer.from(at.readInput()).toString()
  if (text.trim() === '') return {}

  const [{ readYaml }, { instancePut }] = await Promise.all([import('../read-yaml.ts'), import('./instance-shapes.ts')])
  return (await readYaml(instancePut, text)) as Partial<InstancesPost>
}

/** Null stands for the default profile, an empty list for none. */
function profilesOf(flags: Values, given: Partial<InstancesPost>): readonly string[] | null {
  if (flags['no-profiles'] && flags.profile.length === 0) return []
  if (flags.profile.length > 0) return flags.profile
  return given.profiles ?? null
}

async function devicesOf(
  connection: Connection,
  flags: Values,
  given: Partial<InstancesPost>,
): Promise<Record<string, Config>> {
  const devices: Record<string, Config> = { ...given.devices }

  if (flags.network !== '') {
    const { network } = await wrap(`Failed loading network "${flags.network}"`, getNetwork(connection, flags.network))
    const device = networkDevice(network, 'eth0')
    devices['eth0'] = device
  }
  if (flags.storage !== '') {
    await wrap(`Failed loading storage pool "${flags.storage}"`, getStoragePool(connection, flags.storage))
    devices['root'] = { type: 'disk', path: '/', pool: flags.storage }
  }

  const overrides = flags.device.map(splitOverride)
  const inherited = overrides.length === 0 ? {} : await profileDevices(connection, given.profiles ?? ['default'])
  for (const [name, key, value] of overrides) {
    const device = devices[name] ?? inherited[name]
    if (device === undefined) {
      throw badRequest(`Cannot override config for device "${name}": Device not found in profile devices`)
    }
    devices[name] = { ...device, [key]: value }
  }
  return devices
}

function splitOverride(text: string): [device: string, key: string, value: string] {
  const [, device, key, value] = /^([^,]*),([^=]*)=(.*)$/s.exec(text) ?? []
  if (device === undefined || key === undefined || value === undefined) {
    throw badRequest(`Bad device override syntax, expecting <device>,<key>=<value>: ${text}`)
  }
  return [device, key, value]
}

async function profileDevices(connection: Connection, names: readonly string[]): Promise<Record<string, Config>> {
  const profiles = await Promise.all(names.map((name) => getProfile(connection, name)))
  return Object.assign({}, ...profiles.map(({ profile }) => profile.devices)) as Record<string, Config>
}

interface Source {
  /** Ways to it, the best first; at least one. */
  readonly sources: readonly (() => Promise<InstancesPost['source']>)[]
  /** What the instance becomes. */
  readonly type: string
}

function emptySource(flags: Values): Source {
  return { sources: [async () => ({ type: 'none' })], type: typeOf(flags) }
}

function typeOf(flags: Values): string {
  return flags.vm ? 'virtual-machine' : 'container'
}

/** Where the image comes from: this server's own by fingerprint, another's by where it is. */
async function imageSource({ remotes, flags }: Create, { remote, name }: Named, target: string): Promise<Source> {
  const { addr, protocol } = remotes.get(remote)
  const alias = name || 'default'
  if (protocol === 'simplestreams') {
    return {
      sources: [async () => ({ type: 'image', mode: 'pull', server: addr, protocol, alias })],
      type: typeOf(flags),
    }
  }

  const connection = remotes.connect(remote, 'images')
  const image = await resolveImage(connection, alias)
  const { fingerprint, type = 'container' } = image
  if (flags.vm && type !== 'virtual-machine') throw badRequest(`Asked for a VM but image is of type ${type}`)
  if (remote === target) return { sources: [async () => ({ type: 'image', fingerprint })], type }

  const { imagePulls } = await import('#client/image-pull.ts')
  const whole = (await getImage(connection, fingerprint)).image
  const pulls = await imagePulls(connection, whole, whole.fingerprint.startsWith(alias) ? undefined : alias)
  return { sources: pulls.map((pull) => async () => ({ ...(await pull()) })), type }
}

/** What is behind an alias; what is no alias may be the beginning of a fingerprint. */
async function resolveImage(
  connection: Connection,
  name: string,
): Promise<{ readonly fingerprint: string; readonly type?: string }> {
  try {
    const { target, type } = await getImageAlias(connection, name)
    return { fingerprint: target, type }
  } catch (error) {
    if (kindOf(error) !== 'not-found') throw error
    return (await getImage(connection, name)).image
  }
}

async function wrap<T>(message: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw badRequest(message, { cause })
  }
}

function nameFrom(resources: Readonly<Record<string, readonly string[]>> | null): string {
  const url = resources?.['instances']?.[0] ?? resources?.['containers']?.[0] ?? ''
  return decodeURIComponent(url.split('?')[0]!.split('/').at(-1)!)
}
