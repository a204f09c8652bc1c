import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { badRequest, Failure, forbidden, notFound } from '#base/failure.ts'
import type { FailureKind } from '#base/failure.ts'
import { SftpError } from '#base/sftp-client.ts'
import type { SftpClient } from '#base/sftp-client.ts'
import { openModes } from '#base/sftp-packets.ts'
import type { Attributes } from '#base/sftp-packets.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import type { FilesLease } from '#instances/files.ts'
import { done, raw } from '../reply.ts'
import type { Reply } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { readFileHeaders } from './file-headers.ts'
import type { FileHeaders } from './file-headers.ts'

type Asked = Pick<Request<'{name}'>, 'project' | 'params' | 'query' | 'requestor'>

/** The longest path the kernel takes (PATH_MAX), without the byte that ends it. */
const maxPath = 4095
const maxTarget = 4095

const typeBits = 0o170000
const kinds: Readonly<Record<number, 'file' | 'directory' | 'symlink'>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
}

const kindOfCode: Readonly<Record<string, FailureKind>> = {
  ENOENT: 'not-found',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  ENOSPC: 'internal',
  EDQUOT: 'internal',
  EIO: 'internal',
  ETIMEDOUT: 'internal',
}

function readPath({ path }: Readonly<Record<string, string>>): string {
  if (!path) throw badRequest('Missing path argument')
  if (path.includes('\0')) throw badRequest('Invalid "path": expected no zero bytes')
  if (Buffer.byteLength(path) > maxPath) throw badRequest(`Invalid "path": expected at most ${maxPath} bytes`)
  return posix.resolve('/', path)
}

/** Runs `work` with the files of the instance a request names; what they refuse is the client's to know. */
async function withFiles<T>(
  services: Services,
  { project, params }: Asked,
  work: (client: SftpClient, lease: FilesLease) => Promise<T>,
): Promise<T> {
  const lease = await services.files.lease(project, params.name)
  try {
    return await work(lease.client, lease)
  } catch (error) {
    lease[Symbol.dispose]()
    throw explained(error)
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof SftpError)) return error
  const message = error.message.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+ '[^]*$/, '')
  if (error.code === 'ENOENT') return notFound('Not Found')
  if (error.code === 'EACCES' || error.code === 'EPERM') return forbidden(`Cannot use the file: ${message}`)
  return new Failure(kindOfCode[error.code ?? ''] ?? 'bad-request', `Cannot use the file: ${message}`)
}

/** The file's own attributes, and what kind it is; symbolic links are not followed. */
async function look(client: SftpClient, path: string) {
  const attributes = await client.lstat(path)
  const kind = kinds[(attributes.mode ?? 0) & typeBits]
  if (!kind) throw badRequest('Cannot use the file: it is not a regular file, a directory or a symbolic link')
  return { attributes, kind }
}

function headersOf({ attributes, kind }: Awaited<ReturnType<typeof look>>): Record<string, string> {
  const { uid = 0, gid = 0, mode = 0, mtime = 0 } = attributes
  const time = new Date(mtime * 1000).toISOString()
  return {
    'x-lxd-uid': String(uid),
    'x-lxd-gid': String(gid),
    'x-lxd-mode': (mode & 0o777).toString(8).padStart(4, '0'),
    'x-lxd-modified': `${time.slice(0, 10)} ${time.slice(11, 19)} +0000 UTC`,
    'x-lxd-type': kind,
  }
}

async function readFile(services: Services, request: Asked): Promise<Reply> {
  const path = readPath(request.query)
  const reply = await withFiles(services, request, async (client, lease) => {
    const found = await look(client, path)
    const headers = headersOf(found)
    if (found.kind === 'directory') {
      const names = (await client.list(path)).map(({ name }) => name.toString())
      lease[Symbol.dispose]()
      return { kind: 'sync', metadata: names.toSorted(), headers } satisfies Reply
    }
    const file = { ...headers, 'content-type': 'application/octet-stream' }
    if (found.kind === 'symlink') {
      const target = await client.readLink(path)
      lease[Symbol.dispose]()
      return raw(target, file)
    }
    const handle = await client.open(path, openModes.read)
    const disposition = `inline;filename=${encodeURIComponent(posix.basename(path))}`
    return raw(Readable.from(contents(client, handle, lease)), { ...file, 'content-disposition': disposition })
  })
  tell(services, request, 'instance-file-retrieved', path)
  return reply
}

async function* contents(client: SftpClient, handle: Buffer, lease: FilesLease) {
  using _ = lease
  try {
    yield* client.read(handle)
  } finally {
    await client.close(handle).catch(() => {})
  }
}

async function writeFile(client: SftpClient, path: string, headers: FileHeaders, body: Readable): Promise<void> {
  const append = headers.write === 'append' ? openModes.append : openModes.truncate
  const modes = openModes.write | openModes.create | append
  const handle = await client.open(path, modes, headers.mode === undefined ? {} : { mode: headers.mode })
  try {
    const wanted = await attributesFor(headers, () => client.fstat(handle))
    if (Object.keys(wanted).length > 0) await client.setOpen(handle, wanted)
    await client.write(handle, body)
  } finally {
    await client.close(handle)
  }
}

/** Who is to own a file: what a request leaves out stays as it is. */
async function attributesFor({ uid, gid, mode }: FileHeaders, now: () => Promise<Attributes>): Promise<Attributes> {
  if (uid === undefined && gid === undefined) return mode === undefined ? {} : { mode }
  const before = uid === undefined || gid === undefined ? await now() : {}
  const owner = { uid: uid ?? before.uid ?? 0, gid: gid ?? before.gid ?? 0 }
  return { ...owner, ...(mode === undefined ? {} : { mode }) }
}

async function makeDirectory(client: SftpClient, path: string, headers: FileHeaders): Promise<void> {
  const there = await client.stat(path).catch(() => undefined)
  if (there) {
    if (((there.mode ?? 0) & typeBits) !== 0o040000) throw badRequest('Cannot make the directory: a file is there')
    return
  }
  await client.makeDirectory(path, headers.mode ?? 0o755)
  const wanted = await attributesFor(headers, () => client.lstat(path))
  if (Object.keys(wanted).length > 0) await client.setLink(path, wanted)
}

async function makeSymlink(client: SftpClient, path: string, headers: FileHeaders, body: Readable): Promise<void> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of body as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > maxTarget) throw badRequest(`Invalid target: expected at most ${maxTarget} bytes`)
    pieces.push(piece)
  }
  const target = Buffer.concat(pieces).toString()
  if (target === '' || target.includes('\0')) throw badRequest('Invalid target: expected a path')
  await client.makeLink(target, path)
  const { uid, gid } = headers
  if (uid !== undefined || gid !== undefined) {
    await client.setLink(path, await attributesFor({ ...headers, mode: undefined }, () => client.lstat(path)))
  }
}

function tell(services: Services, { project, params, requestor }: Asked, action: string, path: string): void {
  const source = instanceUrl(project, params.name)
  services.events.lifecycle({ action, source, project, context: { path }, requestor })
}

/** Files in an instance, running or not. */
export const instanceFiles = route('/1.0/instances/{name}/files', {
  get: {
    doc: 'Get a file, the target of a symbolic link, or the names in a directory.',
    access: 'operate-containers',
    handle: (services, request) => readFile(services, request),
  },
  head: {
    doc: 'Get what kind of file there is, who owns it, its mode and when it was changed.',
    access: 'operate-containers',
    async handle(services, request) {
      const path = readPath(request.query)
      return await withFiles(services, request, async (client, lease) => {
        const found = await look(client, path)
        lease[Symbol.dispose]()
        return raw('', { ...headersOf(found), 'content-length': String(found.attributes.size ?? 0) })
      })
    },
  },
  post: {
    doc: 'Write a file, or make a directory or a symbolic link.',
    access: 'operate-containers',
    async handle(services, request) {
      const path = readPath(request.query)
      const headers = readFileHeaders(request.headers)
      await withFiles(services, request, async (client, lease) => {
        if (headers.type === 'directory') await makeDirectory(client, path, headers)
        else if (headers.type === 'symlink') await makeSymlink(client, path, headers, request.stream)
        else await writeFile(client, path, headers, request.stream)
        lease[Symbol.dispose]()
      })
      tell(services, request, 'instance-file-pushed', path)
      return done()
    },
  },
  delete: {
    doc: 'Delete a file, or a directory that nothing is in.',
    access: 'operate-containers',
    async handle(services, request) {
      const path = readPath(request.query)
      await withFiles(services, request, async (client, lease) => {
        const { kind } = await look(client, path)
        await (kind === 'directory' ? client.removeDirectory(path) : client.remove(path))
        lease[Symbol.dispose]()
      })
      tell(services, request, 'instance-file-deleted', path)
      return done()
    },
  },
})
