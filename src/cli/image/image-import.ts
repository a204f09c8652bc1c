import {
  createReadStream,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  existsSync,
  closeSync,
  type Stats,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

import { badRequest } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import type { Body } from '#client/http.ts'
import { uploadImage } from '#client/images.ts'
import { writeMultipart } from '#client/multipart.ts'
import { perform } from '#client/operations.ts'

import { command, switchFlag, textsFlag, type Call } from '../command.ts'
import { startProgress, type Progress } from '../progress.ts'
import { setAlias } from './set-alias.ts'

const flags = {
  alias: textsFlag('New aliases to add to the image'),
  public: switchFlag('Make image public'),
} as const

type Import = Call<typeof flags>

export const imageImport = command({
  name: 'image import',
  usage: '<tarball>|<directory>|<URL> [<rootfs tarball>] [<remote>:] [key=value...]',
  doc: 'Import image into the image store',
  details: 'A directory can only be imported by root, who may read and keep who owns its files.',
  flags,
  args: [1, Infinity],
  async run(call) {
    const { globals, remotes, at } = call
    const { files, remote, properties } = readArgs(call)
    const connection = remotes.connect(remote)

    using progress = startProgress('Transferring image: ', globals, at)
    const fingerprint = /^https?:\/\//.test(files[0]!)
      ? await importUrl(connection, files[0]!, { properties, public: call.flags.public })
      : await importFiles(call, connection, { files, properties, progress })
    progress[Symbol.dispose]()
    at.print(`Image imported with fingerprint: ${fingerprint}\n`)

    for (const alias of call.flags.alias) await setAlias(connection, alias, fingerprint)
  },
})

interface Wanted {
  readonly files: readonly string[]
  readonly remote: string
  readonly properties: Readonly<Record<string, string>>
}

/** Files come first, a remote ends in a colon, properties have an equals sign. */
function readArgs({ args, remotes }: Import): Wanted {
  const pairs = args.filter((text) => text.includes('=') && !existsSync(text))
  const others = args.filter((text) => !pairs.includes(text))
  const remote = others.find((text) => text.endsWith(':') && !existsSync(text))
  const files = others.filter((text) => text !== remote)
  if (files.length === 0 || files.length > 2) throw badRequest('Invalid number of arguments')

  const properties = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  return {
    files,
    remote: remote === undefined ? remotes.default : remotes.parse(remote).remote,
    properties: Object.fromEntries(properties),
  }
}

async function importUrl(connection: Connection, url: string, post: object): Promise<string> {
  const body = { ...post, source: { type: 'url', mode: 'pull', url } }
  const metadata = await perform(connection, { method: 'POST', path: '/1.0/images', body })
  return String(metadata?.['fingerprint'])
}

interface Files extends Pick<Wanted, 'files' | 'properties'> {
  readonly progress: Progress
}

async function importFiles(
  call: Import,
  connection: Connection,
  { files, properties, progress }: Files,
): Promise<string> {
  using directory = temporaryDirectory()
  const [first = '', rootfs] = files
  const meta = statFile(first).isDirectory() ? await pack(call, first, directory.path) : first

  const headers: Record<string, string> = {
    'X-LXD-filename': basename(meta),
    ...(call.flags.public ? { 'X-LXD-public': 'true' } : {}),
    ...(Object.keys(properties).length === 0 ? {} : { 'X-LXD-properties': String(new URLSearchParams(properties)) }),
  }
  if (rootfs === undefined) {
    const body: Body = { length: statFile(meta).size, chunks: readFile(meta, progress) }
    return await uploadImage(connection, body, { ...headers, 'Content-Type': 'application/octet-stream' }, progress)
  }

  statFile(rootfs)
  const boundary = `lxd-ts-${Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('')}`
  const parts = [
    { name: 'metadata', filename: basename(meta), chunks: readFile(meta, progress) },
    { name: partName(rootfs), filename: basename(rootfs), chunks: readFile(rootfs, progress) },
  ]
  const type = `multipart/form-data; boundary=${boundary}`
  const body = { chunks: writeMultipart(parts, boundary) }
  return await uploadImage(connection, body, { ...headers, 'Content-Type': type }, progress)
}

/** The disk of a virtual machine, in qcow2, is told from a tree of files by its first bytes. */
function partName(file: string): string {
  const start = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, start)
  } finally {
    closeSync(descriptor)
  }
  return start.toString('latin1') === 'QFI\xfb' ? 'rootfs.img' : 'rootfs'
}

async function* readFile(file: string, progress: Progress): AsyncGenerator<Uint8Array> {
  const { size } = statSync(file)
  let done = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    const bytes = chunk as Uint8Array
    done += bytes.length
    progress.show(`${Math.floor((done / size) * 100)}%`)
    yield bytes
  }
}

function statFile(file: string): Stats {
  try {
    return statSync(file)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw badRequest(`open ${file}${missing ? ': no such file or directory' : ''}`, missing ? {} : { cause })
  }
}

function temporaryDirectory(): Disposable & { readonly path: string } {
  let made: string | undefined
  return {
    get path() {
      return (made ??= mkdtempSync(join(tmpdir(), 'lxc-image-')))
    },
    [Symbol.dispose]: () => {
      if (made !== undefined) rmSync(made, { recursive: true, force: true })
    },
  }
}

/** Packs a tree of an image and what describes it into one file. */
async function pack({ at }: Import, directory: string, into: string): Promise<string> {
  const file = join(into, 'image.tar.xz')
  const members = ['rootfs', 'templates', 'metadata.yaml'].filter((name) => existsSync(join(directory, name)))
  const options = ['--numeric-owner', '--restrict', '--force-local', '--xattrs']
  const code = await at.runOnTerminal('tar', ['-C', directory, ...options, '-cJf', file, ...members])
  if (code !== 0) throw badRequest(`Cannot pack "${directory}": tar failed with exit code ${code}`)
  return file
}
