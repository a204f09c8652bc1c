import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { badRequest } from '#base/failure.ts'
import { openModes } from '#base/sftp-packets.ts'
import type { SftpClient } from '#base/sftp-client.ts'

import { splitWords } from '../alias.ts'
import { command } from '../command.ts'
import type { Surroundings } from '../surroundings.ts'
import { placeOf, withFiles } from './place.ts'

export const fileEdit = command({
  name: 'file edit',
  usage: '[<remote>:]<instance>/<path>',
  doc: 'Edit files in instances',
  details: 'Without a terminal, what comes on standard input takes the place of the file.',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const place = placeOf(remotes, args[0]!, 'path')
    if (place.path.endsWith('/')) throw badRequest(`Can't edit directories`)
    if (!at.terminal.stdin) {
      return await withFiles(place, ({ client }) => replace(client, place.path, at.readInput()))
    }
    const before = await withFiles(place, ({ client }) => readWhole(client, place.path))
    const after = await editBytes(before, basename(place.path), at)
    // A session of its own: an editor may be open for long.
    if (!after.equals(before)) await withFiles(place, ({ client }) => replace(client, place.path, after))
  },
})

async function readWhole(client: SftpClient, path: string): Promise<Buffer> {
  const handle = await client.open(path, openModes.read)
  const pieces: Buffer[] = []
  for await (const piece of client.read(handle)) pieces.push(Buffer.from(piece))
  await client.close(handle)
  return Buffer.concat(pieces)
}

/** Owner and mode of a file that is there stay as they are. */
async function replace(client: SftpClient, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await client.open(path, openModes.write | openModes.create | openModes.truncate, { mode: 0o644 })
  await client.write(handle, pieces(bytes))
  await client.close(handle)
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = 256 << 10
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function editBytes(bytes: Buffer, name: string, at: Surroundings): Promise<Buffer> {
  const directory = mkdtempSync(join(at.env['TMPDIR'] || tmpdir(), 'lxc-edit-'))
  try {
    // Editors choose colours by the name; what else it may hold is no business of the shell.
    const file = join(directory, name.replaceAll(/[^\w.-]/g, '_'))
    writeFileSync(file, bytes, { mode: 0o600 })
    const [program = 'vi', ...args] = splitWords(at.env['VISUAL'] || at.env['EDITOR'] || 'editor')
    const code = await at.runOnTerminal(program, [...args, file])
    if (code !== 0) throw badRequest(`The editor "${program}" failed with exit code ${code}`)
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
