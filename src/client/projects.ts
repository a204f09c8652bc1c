import { path, type Connection } from './connection.ts'
import type { Config } from './instances.ts'
import { perform } from './operations.ts'

/** What a caller may change of a project. */
export interface ProjectPut {
  readonly config: Config
  readonly description: string
}

export interface Project extends ProjectPut {
  readonly name: string
  readonly used_by: readonly string[] | null
}

/** How much of something a project uses, in bytes where it can be measured so. A limit of -1 is none. */
export interface ProjectUsage {
  readonly limit: number
  readonly usage: number
}

export async function listProjects(connection: Connection): Promise<Project[]> {
  return (await connection.get<Project[] | null>('/1.0/projects', { query: { recursion: 1 } })) ?? []
}

/** The names of the projects the client may see. */
export async function listProjectNames(connection: Connection): Promise<string[]> {
  const urls = (await connection.get<string[] | null>('/1.0/projects')) ?? []
  return urls.map((url) => decodeURIComponent(url.split('?')[0]!.split('/').at(-1)!))
}

export async function getProject(
  connection: Connection,
  name: string,
): Promise<{ readonly project: Project; readonly etag: string | undefined }> {
  const reply = await connection.request<Project>('GET', path`/1.0/projects/${name}`)
  return { project: reply.metadata, etag: reply.etag }
}

/** What a project uses of what can be limited, by the name of the resource. */
export async function getProjectState(
  connection: Connection,
  name: string,
): Promise<Readonly<Record<string, ProjectUsage>>> {
  const state = await connection.get<ProjectState>(path`/1.0/projects/${name}/state`)
  // LXD 5.0 writes these two names with a capital.
  const read = ({ limit, usage, Limit, Usage }: WrittenUsage): ProjectUsage => ({
    limit: limit ?? Limit ?? -1,
    usage: usage ?? Usage ?? 0,
  })
  return Object.fromEntries(Object.entries(state.resources ?? {}).map(([resource, its]) => [resource, read(its)]))
}

interface WrittenUsage extends Partial<ProjectUsage> {
  readonly Limit?: number
  readonly Usage?: number
}

interface ProjectState {
  readonly resources: Readonly<Record<string, WrittenUsage>> | null
}

export async function createProject(
  connection: Connection,
  project: Partial<ProjectPut> & { readonly name: string },
): Promise<void> {
  await connection.request('POST', '/1.0/projects', project)
}

/** Replaces what may be changed of a project; refused when it has changed since `etag`. */
export async function updateProject(
  connection: Connection,
  name: string,
  { config, description }: ProjectPut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/projects/${name}`, { config, description }, { etag })
}

export async function renameProject(connection: Connection, name: string, to: string): Promise<void> {
  await perform(connection, { method: 'POST', path: path`/1.0/projects/${name}`, body: { name: to } })
}

export async function deleteProject(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/projects/${name}`)
}
