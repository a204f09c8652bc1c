import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { badRequest, unavailable } from '#base/failure.ts'
import { path, readText } from '#client/connection.ts'
import { Incoming } from '#client/incoming.ts'
import { boundaryOf, readMultipart } from '#client/multipart.ts'

import { command, switchFlag } from '../command.ts'
import { startProgress, type Progress } from '../progress.ts'
import { findImage } from './find-image.ts'
import { errorIn } from './image-transfer.ts'

export const imageExport = command({
  name: 'image export',
  usage: '[<remote>:]<image> [<target>]',
  doc: 'Export and download images',
  details: 'Without a target, or with a directory for one, files keep the names they have on\nthe server.',
  flags: { vm: switchFlag('Query virtual machine images') },
  args: [1, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier', 'images')
    const { image } = await findImage(connection, name)
    const target = args[1] ?? '.'
    const url = path`/1.0/images/${image.fingerprint}/export`

    await using reply = await connection.open('GET', url)
    if (reply.status !== 200) throw unavailable(errorIn(await readText(reply.body, 1024 * 1024)))

    using progress = startProgress('Exporting the image: ', globals, at)
    const boundary = boundaryOf(reply.headers.get('content-type'))
    if (boundary === undefined) {
      const filename = filenameIn(reply.headers.get('content-disposition')) ?? image.fingerprint
      await store(reply.body, isDirectory(target) ? join(target, filename) : target + extensionOf(filename), progress)
    } else {
      for await (const part of readMultipart(new Incoming(reply.body), boundary)) {
        const named = part.name === 'metadata' ? target : `${target}.root`
        await store(part.chunks, isDirectory(target) ? join(target, safeName(part.filename)) : named, progress)
      }
    }
    progress[Symbol.dispose]()
    at.print('Image exported successfully!\n')
  },
})

function filenameIn(disposition: string | undefined): string | undefined {
  const name = /\bfilename="?([^";]+)"?/.exec(disposition ?? '')?.[1]
  return name === undefined ? undefined : safeName(name)
}

/** A name without a path: a server must not choose where files go. */
function safeName(name: string): string {
  const last = basename(name)
  if (['', '.', '..'].includes(last) || last.includes('\0')) throw unavailable('The server sent a file without a name')
  return last
}

function extensionOf(filename: string): string {
  return /(?:\.tar)?\.[a-z0-9]+$/.exec(filename)?.[0] ?? ''
}

function isDirectory(target: string): boolean {
  return statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** Writes beside the file and puts it in place when it is whole. */
async function store(chunks: AsyncIterable<Uint8Array>, file: string, progress: Progress): Promise<void> {
  if (!isDirectory(dirname(file))) throw badRequest(`open ${file}: no such file or directory`)

  const part = `${file}.part`
  const output = createWriteStream(part)
  const failed = new Promise<never>((_, reject) => output.once('error', reject))
  let done = 0
  try {
    await Promise.race([failed, copy()])
    renameSync(part, file)
  } catch (cause) {
    rmSync(part, { force: true })
    throw unavailable(`Cannot write "${file}"`, { cause })
  }

  async function copy(): Promise<void> {
    for await (const chunk of chunks) {
      done += chunk.length
      progress.show(`${(done / 1e6).toFixed(2)}MB`)
      if (!output.write(chunk)) await new Promise<void>((resolve) => void output.once('drain', resolve))
    }
    await new Promise<void>((resolve) => void output.end(resolve))
  }
}
