import type { Grant, Identity } from './identity.ts'

/** What can be done in a project, in LXD's words; `edit-project` is a change of the project's description. */
const projectActions = [
  'view',
  'operate-containers',
  'manage-containers',
  'manage-images',
  'manage-networks',
  'manage-profiles',
  'manage-storage-volumes',
  'edit-project',
] as const

/** What can be done with the server: see its metrics, see all of it, and change it. */
const serverActions = ['view-metrics', 'view-server', 'admin'] as const

type ProjectAction = (typeof projectActions)[number]
type ServerAction = (typeof serverActions)[number]

/** Something a client can do. */
export type Action = ProjectAction | ServerAction

const operator: readonly ProjectAction[] = ['view', 'operate-containers']

/** What each role may do in a project. */
const inProject: Readonly<Record<Grant['role'], readonly ProjectAction[]>> = {
  metrics: [],
  viewer: ['view'],
  operator,
  project_manager: projectActions.filter((action) => action !== 'edit-project'),
  admin: projectActions,
}

/** What each role may do with the server, where it is held for the server. */
const onServer: Readonly<Record<Grant['role'], readonly ServerAction[]>> = {
  metrics: ['view-metrics'],
  viewer: ['view-metrics', 'view-server'],
  operator: ['view-metrics', 'view-server'],
  project_manager: ['view-metrics', 'view-server'],
  admin: serverActions,
}

/** Whether an action is one on the server as a whole rather than within a project. */
export function isServerAction(action: Action): action is ServerAction {
  return serverActions.includes(action as ServerAction)
}

/**
 * The one decision about access: whether a client may do something, with the server or in a project. What no grant
 * allows is denied. Everything that is shown, changed or left out of a list is asked here.
 */
export function allows(
  identity: Pick<Identity, 'grants'>,
  action: Action,
  object: { readonly project?: string } = {},
): boolean {
  return identity.grants.some(({ role, project }) => {
    if (isServerAction(action)) return project === undefined && onServer[role].includes(action)
    if (object.project === undefined) return false
    return (project === undefined || project === object.project) && inProject[role].includes(action)
  })
}
