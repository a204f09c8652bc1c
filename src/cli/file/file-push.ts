import { createReadStream, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { badRequest } from '#base/failure.ts'
import type { SftpClient } from '#base/sftp-client.ts'
import { openModes } from '#base/sftp-packets.ts'

import { command, numberFlag, switchFlag, textFlag } from '../command.ts'
import { startProgress } from '../progress.ts'
import type { Surroundings } from '../surroundings.ts'
import { forEach, kinds, placeOf, withFiles } from './place.ts'

/** Whom what is pushed is to belong to, and its mode; what is not given is as it is here. */
interface Wanted {
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly mode: number | undefined
}

/** Something to be made in the instance. */
interface Item {
  /** Where it is here; `-` is standard input. */
  readonly source: string
  readonly target: string
}

/** Told of every piece that has gone. */
type Told = (bytes: number) => void

export const filePush = command({
  name: 'file push',
  usage: '<source path>... [<remote>:]<instance>/<path>',
  doc: 'Push files into instances',
  examples: [{ command: 'file push /etc/hosts foo/etc/hosts', doc: 'To push /etc/hosts into the instance "foo".' }],
  flags: {
    'create-dirs': switchFlag('Create any directories necessary', { short: 'p' }),
    gid: numberFlag("Set the file's gid on push", { default: -1 }),
    mode: textFlag("Set the file's perms on push"),
    recursive: switchFlag('Recursively transfer files', { short: 'r' }),
    uid: numberFlag("Set the file's uid on push", { default: -1 }),
  },
  args: [2, Infinity],
  async run({ args, flags, globals, remotes, at }) {
    const place = placeOf(remotes, args.at(-1)!, 'target')
    const sources = args.slice(0, -1)
    const wanted = readWanted(flags)
    const intoDirectory = place.path.endsWith('/')
    if (sources.length > 1 && !intoDirectory && !flags.recursive) throw badRequest('Missing target directory')
    if (flags.recursive && (flags.uid !== -1 || flags.gid !== -1 || flags.mode !== '')) {
      throw badRequest(`Can't supply uid/gid/mode in recursive mode`)
    }
    const items = sources.flatMap((source) =>
      flags.recursive ? walk(source, place.path) : [single(source, place.path)],
    )

    using progress = startProgress(`Pushing to ${place.path}: `, globals, at)
    let sent = 0
    const told: Told = (bytes) => progress.show(`${((sent += bytes) / 1e6).toFixed(2)}MB`)
    await withFiles(place, async ({ client }) => {
      if (flags['create-dirs'] || flags.recursive) {
        const top = intoDirectory || flags.recursive ? place.path : posix.dirname(place.path)
        await makeDirectories(client, top, wanted)
      }
      const isDirectory = ({ source }: Item) => source !== '-' && lstatSync(source).isDirectory()
      // A directory comes before what is in it.
      for (const item of items.filter(isDirectory)) await pushDirectory(client, item)
      await forEach(
        items.filter((item) => !isDirectory(item)),
        (item) => pushItem(client, item, { wanted, at, told }),
      )
    })
  },
})

function readWanted({ uid, gid, mode }: { readonly uid: number; readonly gid: number; readonly mode: string }): Wanted {
  if (mode !== '' && !/^0?[0-7]{3,4}$/.test(mode))
    throw badRequest(`Invalid mode "${mode}": expected a number such as 0644`)
  return {
    uid: uid === -1 ? undefined : uid,
    gid: gid === -1 ? undefined : gid,
    mode: mode === '' ? undefined : Number.parseInt(mode, 8),
  }
}

function single(source: string, path: string): Item {
  const name = source === '-' ? 'stdin' : basename(source)
  const target = path.endsWith('/') ? posix.join(path, name) : path
  if (source !== '-' && look(source).isDirectory())
    throw badRequest(`Can't push a directory without --recursive: ${source}`)
  return { source, target }
}

/** A tree, each directory before what is in it. */
function walk(source: string, path: string): Item[] {
  const item = { source, target: posix.join(path, basename(source)) }
  const inside = (at: Item): Item[] => {
    if (!look(at.source).isDirectory()) return [at]
    const names = readdirSync(at.source).toSorted()
    return [
      at,
      ...names.flatMap((name) => inside({ source: join(at.source, name), target: posix.join(at.target, name) })),
    ]
  }
  return inside(item)
}

function look(path: string): Stats {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) throw badRequest(`open ${path}: no such file or directory`)
  return stats
}

async function makeDirectories(client: SftpClient, path: string, { uid, gid }: Wanted): Promise<void> {
  const names = path.split('/').filter((name) => name !== '')
  for (let count = 1; count <= names.length; count++) {
    const directory = `/${names.slice(0, count).join('/')}`
    const there = await client.stat(directory).catch(() => undefined)
    if (there) continue
    await client.makeDirectory(directory, 0o750)
    if (uid !== undefined || gid !== undefined) await client.setLink(directory, { uid: uid ?? 0, gid: gid ?? 0 })
  }
}

async function pushDirectory(client: SftpClient, { source, target }: Item): Promise<void> {
  const { uid, gid, mode } = lstatSync(source)
  const there = await client.stat(target).catch(() => undefined)
  if (there && ((there.mode ?? 0) & kinds.mask) === kinds.directory) return
  await client.makeDirectory(target, mode & 0o777)
  await client.setLink(target, { uid, gid, mode: mode & 0o777 })
}

async function pushItem(
  client: SftpClient,
  { source, target }: Item,
  { wanted, at, told }: { readonly wanted: Wanted; readonly at: Surroundings; readonly told: Told },
): Promise<void> {
  const isInput = source === '-'
  if (!isInput && lstatSync(source).isSymbolicLink() && wanted.mode === undefined) {
    await client.remove(target).catch(() => {})
    await client.makeLink(readlinkSync(source), target)
    return
  }
  const descriptor = isInput ? 0 : openSync(source, 'r')
  const stats = fstatSync(descriptor)
  if (!isInput && !stats.isFile()) throw badRequest(`Can't push ${source}: not a regular file`)
  const mode = wanted.mode ?? (isInput ? 0o644 : stats.mode & 0o777)
  const owner = { uid: wanted.uid ?? (isInput ? 0 : stats.uid), gid: wanted.gid ?? (isInput ? 0 : stats.gid) }
  const input = isInput ? at.input() : createReadStream('', { fd: descriptor, highWaterMark: 256 << 10 })
  const handle = await client.open(target, openModes.write | openModes.create | openModes.truncate, { mode })
  await client.setOpen(handle, { ...owner, mode })
  await client.write(handle, counted(input, told))
  await client.close(handle)
}

async function* counted(input: AsyncIterable<Uint8Array>, told: Told): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    yield chunk
    told(chunk.length)
  }
}
