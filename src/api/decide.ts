import { allows, isServerAction } from '#auth/authorize.ts'
import type { Action } from '#auth/authorize.ts'
import type { Identity } from '#auth/identity.ts'
import { Failure, forbidden, notFound } from '#base/failure.ts'
import type { ProjectFeature } from '#projects/project-keys.ts'
import type { Access } from './route.ts'

/** What is asked for: the access a route needs, and the projects the request names. */
export interface Asked {
  readonly access: Access
  /** The project in the path, where the route is about one. */
  readonly inPath: string | undefined
  /** `?project=` as given. */
  readonly inQuery: string | undefined
  /** `?all-projects=true` of a list that leaves out what the client may not view. */
  readonly allProjects: boolean
}

/** What a decision needs to know of the projects there are. */
export interface ProjectFacts {
  has(name: string): boolean
  effective(name: string, feature: ProjectFeature): string
}

/** The project whose things an action changes, where projects may share them. */
const featureOf: Readonly<Partial<Record<Action, ProjectFeature>>> = {
  'manage-images': 'images',
  'manage-networks': 'networks',
  'manage-profiles': 'profiles',
  'manage-storage-volumes': 'storage.volumes',
}

/**
 * Throws where the client may not do what it asks. A project that it may not view is, to it, not there: the answers
 * are the same. Returns whether the client is to be treated as a trusted one: on what is open to strangers, a client that may not view the project of
 * the request gets what strangers get.
 */
export function decide(identity: Identity, asked: Asked, projects: ProjectFacts): boolean {
  const { access, inPath, inQuery, allProjects } = asked
  const views = (project: string) => projects.has(project) && allows(identity, 'view', { project })
  if (access === 'untrusted') {
    // Who may know all projects is told of a name that is wrong.
    if (inQuery !== undefined && !projects.has(inQuery) && allows(identity, 'view-server'))
      throw unknownProject(inQuery)
    return identity.trusted && views(inQuery ?? 'default')
  }
  if (!isForKnown(access) && isServerAction(access)) {
    if (!allows(identity, access)) throw notAuthorized()
    if (inQuery !== undefined && !projects.has(inQuery)) throw unknownProject(inQuery)
    return true
  }
  // A certificate for metrics is good for metrics.
  if (!identity.trusted || identity.grants.some(({ role }) => role === 'metrics')) throw notAuthorized()
  if (access === 'member' && identity.grants.length === 0) throw notAuthorized()
  const denied = !allows(identity, 'view-server')
  if (inQuery !== undefined && !views(inQuery)) throw unknownProject(inQuery, denied)
  if (inPath !== undefined && !views(inPath)) throw new Failure('not-found', 'Project not found', { denied })
  if (isForKnown(access) || (allProjects && access === 'view')) return true

  const project = inPath ?? inQuery ?? 'default'
  if (!views(project)) throw unknownProject(project, denied)
  const feature = featureOf[access]
  if (!allows(identity, access, { project: feature ? projects.effective(project, feature) : project })) {
    throw notAuthorized()
  }
  return true
}

/** Whether a route is open to clients for what they are rather than for what they may do in a project. */
export function isForKnown(access: Access): access is 'authenticated' | 'member' {
  return access === 'authenticated' || access === 'member'
}

/** What strangers are told, whatever they ask for, and others of what they may not do. */
function notAuthorized(): Failure {
  return forbidden('not authorized')
}

/** LXD's words for a project that is not there, or with `denied` may be there and is not for the client to know of. */
export function unknownProject(name: string, denied = false): Failure {
  const cause = notFound('Project not found')
  return new Failure('not-found', `Failed loading project "${name}"`, { cause, denied })
}
