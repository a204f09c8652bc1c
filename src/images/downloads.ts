import { pipeline } from 'node:stream/promises'
import { badRequest, explain, Failure, unavailable } from '#base/failure.ts'
import { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import type { Progress, Work } from '#base/progress.ts'
import type { Requestor } from '#events/events.ts'
import type { ImageRecord, UpdateSource } from '#store/image-record.ts'
import type { Reach } from './address-policy.ts'
import type { NewAlias } from './aliases.ts'
import { DownloadMeter } from './download-meter.ts'
import type { MeterLimits } from './download-meter.ts'
import { isFingerprint } from './fingerprint.ts'
import type { Images, ImportInput } from './images.ts'
import { hostAndPort, parseServer } from './outbound.ts'
import type { Outbound } from './outbound.ts'
import { findSource } from './sources/all.ts'
import type { ImageSource, RemoteAccess, RemoteImage, RemoteImageQuery } from './sources/source.ts'
import type { Upload } from './upload.ts'

/** An image on another server, as a client names it. */
export interface RemoteSource extends Omit<UpdateSource, 'alias'> {
  /** An alias, a fingerprint or the beginning of one; for `direct` a path and query. */
  readonly name: string
  /** What the other server gives out a private image for; empty for a public one. */
  readonly secret: string
}

/** An image to be fetched from another server. */
export interface FetchRequest {
  /** The project that is to have it. */
  readonly project: string
  readonly source: RemoteSource
  readonly public: boolean
  readonly autoUpdate: boolean
  /** Whether it may go again when nobody uses it. */
  readonly cached: boolean
  /** They add to those it has. */
  readonly properties: Readonly<Record<string, string>>
  readonly profiles: readonly string[] | undefined
  readonly aliases: readonly NewAlias[]
  /** Undefined for the time it has on the other server. */
  readonly expiresAt?: string | undefined
  /** The image it is to take the place of. */
  readonly replaces?: ImageRecord
  readonly requestor?: Requestor | undefined
}

export interface DownloadsOptions {
  readonly images: Images
  readonly outbound: Outbound
  readonly log: Log
  readonly limits?: MeterLimits | undefined
}

/** The most downloads that go on for one project. */
const maxPerProject = 8

/** The most that are waited for at the same time for one project, whoever shares what with whom. */
const maxFetches = 64

const maxName = 255
const maxPath = 2048
const maxSecret = 1024

/** A download that several may be waiting for. It ends when it is over or nobody waits any more. */
interface Shared {
  readonly key: string
  readonly home: string
  readonly upload: Promise<Upload>
  readonly abort: AbortController
  readonly listeners: Set<Progress>
  waiting: number
}

/** Fetches images from other servers. Who asks for one that is on its way already shares it. */
export class Downloads {
  readonly #options: DownloadsOptions
  readonly #shared = new Map<string, Shared>()
  readonly #locks = new Locks()
  /** How many are waited for, by the project that is to have them. */
  readonly #going = new Map<string, number>()

  /** What goes on behind those who have left: files that nobody wants go. */
  readonly #ending = new Set<Promise<void>>()

  constructor(options: DownloadsOptions) {
    this.#options = options
  }

  /** Waits until what was left behind has gone, at the end of the daemon. */
  async settle(): Promise<void> {
    await Promise.all(this.#ending)
  }

  /** Throws a bad-request Failure for a source that can't be one, before any work on it is begun. */
  check(source: RemoteSource): void {
    readSource(source)
  }

  /** The image of the project that a source names, as it is on the other server now. */
  async fetch(request: FetchRequest, work: Work): Promise<ImageRecord> {
    const home = this.#options.images.homeOf(request.project)
    const going = this.#going.get(home) ?? 0
    if (going >= maxFetches) throw unavailable(`Cannot fetch the image: ${going} are being fetched for the project`)
    this.#going.set(home, going + 1)
    try {
      return await this.#fetch(request, work)
    } finally {
      const left = (this.#going.get(home) ?? 1) - 1
      if (left > 0) this.#going.set(home, left)
      else this.#going.delete(home)
    }
  }

  async #fetch(request: FetchRequest, work: Work): Promise<ImageRecord> {
    const { images, outbound } = this.#options
    const { project, source } = request
    const { kind, query } = readSource(source)
    const access = { outbound, reach: source.reach, signal: work.signal }
    const remote = await kind.find(query, access)
    if (remote.fingerprint === request.replaces?.fingerprint) return request.replaces
    const input = importInput(request, remote)

    const known = images.find(project, remote.fingerprint)
    if (known) return await this.#reuse(known, request, input)
    images.aliases.additions(images.homeOf(project), remote.fingerprint, request.aliases)

    const shared = this.#join({ home: images.homeOf(project), kind, query, remote, reach: source.reach })
    if (work.progress) shared.listeners.add(work.progress)
    try {
      const upload = await withSignal(shared.upload, work.signal)
      using _lock = await this.#locks.take(shared.key)
      const arrived = images.find(project, remote.fingerprint)
      if (arrived) return await this.#reuse(arrived, request, input)
      // The files go when nobody waits for them any more, not with the first who has used them.
      const lent = { ...upload, [Symbol.asyncDispose]: async () => {} }
      return await images.import(project, lent, { input, requestor: request.requestor, ...work })
    } finally {
      if (work.progress) shared.listeners.delete(work.progress)
      this.#leave(shared)
    }
  }

  /** What the project has of a source already, so that it needs not be asked: that very image, or one that follows it. */
  find({ project, source }: Pick<FetchRequest, 'project' | 'source'>): ImageRecord | undefined {
    const { images } = this.#options
    if (isFingerprint(source.name)) return images.find(project, source.name)
    return images
      .list(project)
      .find(({ autoUpdate, updateSource: from }) => autoUpdate && from !== undefined && isSameSource(from, source))
  }

  async #reuse(image: ImageRecord, request: FetchRequest, input: ImportInput): Promise<ImageRecord> {
    // What someone has put there is not changed because an instance needs it.
    if (request.cached && !request.replaces) return image
    return await this.#options.images.renew(image, input, request.requestor)
  }

  #join(wanted: Wanted): Shared {
    const { home, query, remote } = wanted
    const certificate = query.server.certificate?.toString('base64') ?? ''
    const key = JSON.stringify([home, remote.fingerprint, hostAndPort(query.server), certificate, query.project])
    const found = this.#shared.get(key)
    if (found) {
      found.waiting++
      return found
    }
    if ([...this.#shared.values()].filter((one) => one.home === home).length >= maxPerProject) {
      throw unavailable(`Cannot download the image: ${maxPerProject} downloads are under way in the project`)
    }
    const shared = this.#start(key, wanted)
    this.#shared.set(key, shared)
    return shared
  }

  #start(key: string, wanted: Wanted): Shared {
    const abort = new AbortController()
    const listeners = new Set<Progress>()
    const report = (text: string) => {
      for (const listener of listeners) listener('download', text)
    }
    const upload = this.#download(wanted, { signal: abort.signal, report })
    // Those who wait hear of it, and there may be nobody left.
    upload.catch(() => {})
    return { key, home: wanted.home, upload, abort, listeners, waiting: 1 }
  }

  #leave(shared: Shared): void {
    if (--shared.waiting > 0) return
    if (this.#shared.get(shared.key) === shared) this.#shared.delete(shared.key)
    shared.abort.abort()
    const ending = shared.upload
      .then((upload) => upload[Symbol.asyncDispose]())
      .catch((error: unknown) => this.#options.log.debug('A download has ended', { error: explain(error) }))
      .finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  /** Bytes are hashed while they are written, and what has another hash than it should is gone when this rejects. */
  async #download(
    { home, kind, query, remote, reach }: Wanted,
    { signal, report }: { readonly signal: AbortSignal; readonly report: (text: string) => void },
  ): Promise<Upload> {
    const { images, outbound, limits } = this.#options
    const access: RemoteAccess = { outbound, reach, signal }
    const { stream, contentType } = await kind.open(query, remote, access)
    const meter = new DownloadMeter(remote.size, report, limits)
    const abort = () => meter.destroy(unavailable('The download was cancelled'))
    signal.addEventListener('abort', abort, { once: true })
    const sent = pipeline(stream, meter).catch((cause: unknown) => {
      throw cause instanceof Failure ? cause : unavailable('The server ended the connection early', { cause })
    })
    try {
      const options = { contentType, filename: '', signal, asked: true }
      const [received, ended] = await Promise.allSettled([images.receive(home, meter, options), sent])
      if (received.status === 'fulfilled' && ended.status === 'fulfilled') {
        if (received.value.fingerprint === remote.fingerprint) return received.value
        await received.value[Symbol.asyncDispose]()
        const { fingerprint } = received.value
        throw badRequest(`fingerprints don't match, got ${fingerprint} expected ${remote.fingerprint}`)
      }
      if (received.status === 'fulfilled') await received.value[Symbol.asyncDispose]()
      signal.throwIfAborted()
      throw whyEnded(received, ended)
    } finally {
      signal.removeEventListener('abort', abort)
      stream.destroy()
    }
  }
}

/** Why the server's bytes ended says more than that they did; unless it was us who did not want them any more. */
function whyEnded(received: PromiseSettledResult<unknown>, sent: PromiseSettledResult<unknown>): unknown {
  const own: unknown = received.status === 'rejected' ? received.reason : undefined
  if (sent.status === 'fulfilled') return own
  const { cause } = sent.reason as { readonly cause?: { readonly code?: unknown } }
  return cause?.code === 'ERR_STREAM_PREMATURE_CLOSE' && own !== undefined ? own : sent.reason
}

interface Wanted {
  /** The project whose image it becomes. */
  readonly home: string
  readonly kind: ImageSource
  readonly query: RemoteImageQuery
  readonly remote: RemoteImage
  readonly reach: Reach
}

function readSource(source: RemoteSource): { readonly kind: ImageSource; readonly query: RemoteImageQuery } {
  const { name, secret, project, imageType, certificate, server: url } = source
  const kind = findSource(source.protocol)
  if (name === '') throw badRequest('must specify one of alias or fingerprint for init from image')
  if (name.length > maxPath) throw badRequest(`Invalid "source": a name of more than ${maxPath} characters`)
  if (secret.length > maxSecret) throw badRequest(`Invalid "source.secret": it has more than ${maxSecret} characters`)
  if (project.length > maxName) throw badRequest(`Invalid "source.project": it has more than ${maxName} characters`)
  if (imageType !== '' && imageType !== 'container') {
    throw badRequest(`Invalid "source.image_type" "${imageType.slice(0, 100)}": expected container`)
  }
  const server = parseServer({ url, certificate }, 'source.server')
  return { kind, query: { server, name, secret, project, imageType } }
}

function importInput(request: FetchRequest, remote: RemoteImage): ImportInput {
  const { source, cached, properties, profiles, aliases, replaces } = request
  const { name: _name, secret: _secret, ...from } = source
  // Without an alias there is nothing a newer image could be found by.
  const updateSource = remote.alias === undefined ? undefined : { ...from, alias: remote.alias }
  return {
    fingerprint: remote.fingerprint,
    public: request.public,
    properties,
    profiles,
    aliases,
    expiresAt: request.expiresAt,
    origin: {
      autoUpdate: request.autoUpdate && (!cached || updateSource !== undefined),
      cached,
      filename: remote.filename,
      properties: remote.properties,
      expiresAt: remote.expiresAt,
      updateSource,
      replaces,
    },
  }
}

function isSameSource(from: UpdateSource, source: RemoteSource): boolean {
  const same = ['server', 'certificate', 'imageType', 'project'] as const
  const isAny = (protocol: string) => protocol || 'lxd'
  return (
    from.alias === source.name &&
    isAny(from.protocol) === isAny(source.protocol) &&
    same.every((field) => from[field].trim() === source[field].trim())
  )
}

/** What a promise resolves to, unless `signal` aborts first. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await promise
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
