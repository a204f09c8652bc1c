import { badRequest } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { fetchImage, type Image } from '#client/images.ts'
import { waitOperation, type WaitOptions } from '#client/operations.ts'

import { command, switchFlag, textFlag, textsFlag, type Call } from '../command.ts'
import { firstThatWorks } from '../first-that-works.ts'
import { startProgress } from '../progress.ts'
import { findImage } from './find-image.ts'
import { setAlias } from './set-alias.ts'

const flags = {
  alias: textsFlag('New aliases to add to the image'),
  'auto-update': switchFlag('Keep the image up to date after initial copy'),
  'copy-aliases': switchFlag('Copy aliases from source'),
  mode: textFlag('Transfer mode. One of pull (default), push or relay', { default: 'pull' }),
  public: switchFlag('Make image public'),
  'target-project': textFlag('Copy to a project different from the source'),
  vm: switchFlag('Copy virtual machine images'),
} as const

type Copy = Call<typeof flags>

export const imageCopy = command({
  name: 'image copy',
  aliases: ['cp'],
  usage: '[<remote>:]<image> <remote>:',
  doc: 'Copy images between servers',
  details: `The auto-update flag instructs the server to keep this image up to date. It
requires the source to be an alias and for it to be public.

With --mode pull the target gets the image from the source, with push the source
sends it to the target, and with relay it goes through this client.`,
  flags,
  args: [2, 2],
  async run(call) {
    const { args, flags: given, globals, remotes, at } = call
    if (!['pull', 'push', 'relay'].includes(given.mode)) {
      throw badRequest(`Unsupported transfer mode "${given.mode}": expected pull, push or relay`)
    }
    const to = remotes.at(args[1]!)
    if (to.name !== '') throw badRequest("Can't provide a name for the target image")
    const target = given['target-project'] === '' ? to.connection : to.connection.inProject(given['target-project'])
    const source = await findSource(call)

    using progress = startProgress('Copying the image: ', globals, at)
    const fingerprint = await copy(call, source, target, progress)
    progress[Symbol.dispose]()
    at.print('Image copied successfully!\n')

    const copied = given['copy-aliases'] ? (source.image?.aliases ?? []).map(({ name }) => name) : []
    for (const alias of new Set([...given.alias, ...copied])) await setAlias(target, alias, fingerprint)
  },
})

interface Source {
  /** Undefined for an image server that is no LXD server: only other servers ask it. */
  readonly connection: Connection | undefined
  readonly image: Image | undefined
  /** What the image was called. */
  readonly name: string
  readonly remote: string
}

async function findSource({ args, flags: { vm }, remotes }: Copy): Promise<Source> {
  const { remote, name } = remotes.parse(args[0]!)
  if (name === '') throw badRequest('Missing image identifier')
  if (remotes.get(remote).protocol === 'simplestreams') return { connection: undefined, image: undefined, name, remote }
  const connection = remotes.connect(remote, 'images')
  const { image } = await findImage(connection, name)
  if (vm && image.type !== 'virtual-machine') throw badRequest(`Asked for a VM but image is of type ${image.type}`)
  return { connection, image, name, remote }
}

/** Gives the fingerprint of what has been copied. */
async function copy(call: Copy, source: Source, target: Connection, options: WaitOptions): Promise<string> {
  const { mode, public: isPublic } = call.flags
  const { connection, image } = source
  if (mode === 'pull') return await pull(call, source, target, options)
  if (connection === undefined || image === undefined) {
    throw badRequest(`Cannot copy from "${source.remote}" by ${mode}: it is an image server, which others pull from`)
  }
  const { push, relay } = await import('./image-transfer.ts')
  const transfer = mode === 'push' ? push : relay
  await transfer({ source: connection, image, target, public: isPublic }, options)
  return image.fingerprint
}

async function pull(call: Copy, from: Source, target: Connection, options: WaitOptions): Promise<string> {
  const { flags: given, remotes } = call
  const post = { public: given.public, auto_update: given['auto-update'] }
  const { connection, image, name, remote } = from
  const { imagePulls } = await import('#client/image-pull.ts')
  const ways =
    connection === undefined || image === undefined
      ? [
          async () => ({
            type: 'image',
            mode: 'pull',
            protocol: 'simplestreams',
            server: remotes.get(remote).addr,
            alias: name,
          }),
        ]
      : await imagePulls(connection, image, image.fingerprint.startsWith(name) ? undefined : name)
  const ended = await firstThatWorks<() => Promise<object>, Awaited<ReturnType<typeof waitOperation>>>(
    ways,
    async (way) => await waitOperation(target, await fetchImage(target, { ...post, source: await way() }), options),
  )
  return String(ended.metadata?.['fingerprint'])
}
