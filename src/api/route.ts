import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Static, TSchema } from 'typebox'
import type { WebSocket } from 'ws'
import type { Action } from '#auth/authorize.ts'
import type { Identity } from '#auth/identity.ts'
import type { Requestor } from '#events/events.ts'
import type { Reply } from './reply.ts'
import type { Services } from './services.ts'

/**
 * Who may call a method. `untrusted`: anyone. `authenticated`: any client the server knows; the handler shows it what
 * it may see. `member`: the same, if it may do anything anywhere. Else: who may do this, in the project of the request or with the server.
 */
export type Access = 'untrusted' | 'authenticated' | 'member' | Action

/** The names between braces in a path: `Params<'/1.0/instances/{name}'>` has `name`. */
export type Params<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Readonly<Record<Name, string>> & Params<Rest>
  : unknown

/** A request, taken apart. */
export interface Request<Path extends string = string, Body = unknown> {
  readonly params: Params<Path>
  /** `?project=`, `default` where none was given. For entities a project shares, see `projects.effective()`. */
  readonly project: string
  readonly allProjects: boolean
  /** 0: URLs, 1: objects, 2: objects with state. */
  readonly recursion: number
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** The body as its schema has it. A method without a `body` schema reads `stream` itself. */
  readonly body: Body
  /** The bytes of the request, for methods that take no JSON. */
  readonly stream: IncomingMessage
  readonly requestor: Requestor
  readonly identity: Identity
  /**
   * Whether the client is known and may view the project of the request: always so but on routes with `untrusted`
   * access, where one that may not is a stranger.
   */
  readonly trusted: boolean
  /**
   * Whether the client may do something in a project, that of the request where none is named, or with the server.
   * For what a list leaves out, and for what a body refers to in another project.
   */
  readonly may: (action: Action, project?: string) => boolean
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  /**
   * Throws a precondition-failed Failure where the client sent an `If-Match` that is not the ETag of `etag`, the
   * same value the GET of the object gives to `sync()`.
   */
  readonly checkEtag: (etag: unknown) => void
}

/** One method of a path. */
export interface Method<Path extends string = string, Schema extends TSchema = TSchema> {
  readonly doc: string
  readonly access: Access
  /** The parameter of the path that is a project's name, where the path is about a project. */
  readonly projectParam?: string
  /** The shape of the JSON body. Fields it doesn't name are ignored, absent ones get Go's zero value. */
  readonly body?: Schema
  /** Lists what is in all projects with `?all-projects=true`, of those that the client may view. Others ignore that. */
  readonly allProjects?: boolean
  /** The shape of the metadata it answers with, for the reference. None where it answers with an empty object. */
  readonly reply?: TSchema
  /** Runs before the daemon is ready, too. */
  readonly early?: boolean
  handle(services: Services, request: Request<Path, Static<Schema>>): Promise<Reply> | Reply
}

/** A path taken over by a websocket. `open` throws, before the upgrade, what an HTTP client is to be told. */
export interface Upgrade<Path extends string = string> {
  readonly doc: string
  readonly access: Access
  readonly projectParam?: string
  readonly allProjects?: boolean
  open(services: Services, request: Omit<Request<Path>, 'body' | 'checkEtag'>): (socket: WebSocket) => void
}

/**
 * A path whose connection is taken over for another protocol than websockets (RFC 9110 section 7.8). `open` throws,
 * before the upgrade, what an HTTP client is to be told.
 */
export interface Takeover<Path extends string = string> {
  readonly doc: string
  readonly access: Access
  readonly projectParam?: string
  readonly allProjects?: boolean
  /** The name of the protocol, in lower case, that the client asks for in `Upgrade`. */
  readonly protocol: string
  open(services: Services, request: Omit<Request<Path>, 'body' | 'checkEtag'>): Promise<(socket: Duplex) => void>
}

/** A path of the API and what its methods do. */
export interface Route<Path extends string = string> {
  readonly path: Path
  readonly get?: Method<Path>
  readonly head?: Method<Path>
  readonly put?: Method<Path>
  readonly patch?: Method<Path>
  readonly post?: Method<Path>
  readonly delete?: Method<Path>
  readonly upgrade?: Upgrade<Path> | Takeover<Path>
}

/** The methods of a path as declared: each body is typed by its own schema. */
interface Declared<
  Path extends string,
  Put extends TSchema,
  Patch extends TSchema,
  Post extends TSchema,
  Delete extends TSchema,
> {
  readonly get?: Method<Path>
  readonly head?: Method<Path>
  readonly put?: Method<Path, Put>
  readonly patch?: Method<Path, Patch>
  readonly post?: Method<Path, Post>
  readonly delete?: Method<Path, Delete>
  readonly upgrade?: Upgrade<Path> | Takeover<Path>
}

/** Declares a path. Its parameters are typed from the braces in it, each body from its schema. */
export function route<
  const Path extends string,
  Put extends TSchema,
  Patch extends TSchema,
  Post extends TSchema,
  Delete extends TSchema,
>(path: Path, methods: Declared<Path, Put, Patch, Post, Delete>): Route {
  // Handlers of one path take its own parameters and bodies; the router, which checked them, hands them over.
  return { path, ...methods } as unknown as Route
}
