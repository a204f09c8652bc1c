import { closeSync, constants, lstatSync, mkdirSync, openSync, rmSync, statSync, symlinkSync, writeSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { badRequest, unavailable } from '#base/failure.ts'
import type { SftpClient } from '#base/sftp-client.ts'
import { openModes } from '#base/sftp-packets.ts'

import { command, switchFlag } from '../command.ts'
import { startProgress } from '../progress.ts'
import type { Surroundings } from '../surroundings.ts'
import { forEach, kinds, placeOf, withFiles } from './place.ts'

/** A file of the instance and where it goes. */
interface Item {
  readonly path: string
  readonly target: string
  readonly mode: number
}

type Told = (bytes: number) => void

export const filePull = command({
  name: 'file pull',
  usage: '[<remote>:]<instance>/<path> [[<remote>:]<instance>/<path>...] <target path>',
  doc: 'Pull files from instances',
  examples: [
    {
      command: 'file pull foo/etc/hosts .',
      doc: 'To pull /etc/hosts from the instance and write it to the current directory.',
    },
  ],
  flags: {
    'create-dirs': switchFlag('Create any directories necessary', { short: 'p' }),
    recursive: switchFlag('Recursively transfer files', { short: 'r' }),
  },
  args: [2, Infinity],
  async run({ args, flags, globals, remotes, at }) {
    const target = args.at(-1)!
    const places = args.slice(0, -1).map((text) => placeOf(remotes, text, 'source'))
    const isDirectory = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false
    const intoDirectory = isDirectory || target.endsWith('/') || flags.recursive
    if (places.length > 1 && !intoDirectory) {
      throw badRequest('More than one file to download, but target is not a directory')
    }
    if (flags['create-dirs'] || (flags.recursive && !isDirectory)) {
      mkdirSync(intoDirectory ? target : dirname(target), { recursive: true })
    }

    using progress = startProgress(`Pulling to ${target}: `, globals, at)
    let received = 0
    const told: Told = (bytes) => progress.show(`${((received += bytes) / 1e6).toFixed(2)}MB`)
    for (const place of places) {
      await withFiles(place, async ({ client }) => {
        const path = posix.resolve('/', place.path)
        const { mode = 0 } = await client.lstat(path)
        const item = { path, mode, target: intoDirectory ? join(target, basename(path)) : target }
        if (!isKind(item, 'directory')) return await pullFile(client, item, { at, told, toOutput: target === '-' })
        if (!flags.recursive) throw badRequest(`Can't pull a directory without --recursive`)
        await pullTree(client, item, { at, told, names: true })
      })
    }
  },
})

function isKind({ mode }: Item, kind: 'directory' | 'symlink'): boolean {
  return (mode & kinds.mask) === kinds[kind]
}

interface Pulling {
  readonly at: Surroundings
  readonly told: Told
  readonly toOutput?: boolean
  /** Whether the names are the server's, and no link may be followed to where they lead. */
  readonly names?: boolean
}

async function pullTree(client: SftpClient, top: Item, pulling: Pulling): Promise<void> {
  if (!isKind(top, 'directory')) return await pullFile(client, top, pulling)
  makeDirectory(top)
  const entries = await client.list(top.path)
  const items = entries.map(({ name, attributes }) => {
    const text = name.toString()
    if (['', '.', '..'].includes(text) || /[/\0]/.test(text)) throw unavailable('The server sent a name that is none')
    return { path: posix.join(top.path, text), target: join(top.target, text), mode: attributes.mode ?? 0 }
  })
  await forEach(
    items.filter((item) => !isKind(item, 'directory')),
    (item) => pullFile(client, item, pulling),
  )
  for (const item of items.filter((one) => isKind(one, 'directory'))) await pullTree(client, item, pulling)
}

/** What is there already must be a directory itself: a link, made from a name that was sent before, leads elsewhere. */
function makeDirectory({ target, mode }: Item): void {
  const there = lstatSync(target, { throwIfNoEntry: false })
  if (!there) mkdirSync(target, { mode: (mode & 0o777) | 0o700 })
  else if (!there.isDirectory()) throw badRequest(`Cannot write to "${target}": it is not a directory`)
}

async function pullFile(
  client: SftpClient,
  item: Item,
  { at, told, toOutput = false, names = false }: Pulling,
): Promise<void> {
  if (isKind(item, 'symlink') && !toOutput) {
    const link = await client.readLink(item.path)
    const there = lstatSync(item.target, { throwIfNoEntry: false })
    if (there && !there.isDirectory()) rmSync(item.target)
    symlinkSync(link, item.target)
    return
  }
  const handle = await client.open(item.path, openModes.read)
  const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants
  const flags = O_WRONLY | O_CREAT | O_TRUNC | (names ? O_NOFOLLOW : 0)
  const output = toOutput ? undefined : openSync(item.target, flags, item.mode & 0o777)
  try {
    for await (const piece of client.read(handle)) {
      if (output === undefined) at.print(piece)
      else writeAll(output, piece)
      told(piece.length)
    }
  } finally {
    if (output !== undefined) closeSync(output)
  }
  await client.close(handle)
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
}
