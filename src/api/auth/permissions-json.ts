import type { Grant, Role } from '#auth/identity.ts'
import { roles } from '#auth/identity.ts'
import { badRequest } from '#base/failure.ts'
import type { Permission } from '#schema/auth.ts'
import { entityUrl } from '../list.ts'

const serverUrl = '/1.0'
const projectUrl = '/1.0/projects/'

/** A role on the server or, with a project named, in it, as the API shows it. */
export function permissionJson({ role, project }: Pick<Grant, 'role' | 'project'>): Permission {
  return project === undefined
    ? { entity_type: 'server', url: serverUrl, entitlement: role }
    : { entity_type: 'project', url: entityUrl(['projects', project]), entitlement: role }
}

/** Reads what a client wants granted. Throws a bad-request Failure that names what is wrong. */
export function readPermissions(
  permissions: readonly Permission[],
): readonly { readonly role: Role; readonly project?: string }[] {
  return permissions.map(({ entity_type, url, entitlement }) => {
    const role = roles.find((one) => one === entitlement)
    if (!role) throw wrong('entitlement', entitlement, `one of ${roles.join(', ')}`)
    switch (entity_type) {
      case 'server':
        if (url !== serverUrl) throw wrong('url', url, `${serverUrl} for the server`)
        return { role }
      case 'project':
        return { role, project: readProject(url) }
      default:
        throw wrong('entity_type', entity_type, 'server or project')
    }
  })
}

function readProject(url: string): string {
  const [, name = ''] = /^\/1\.0\/projects\/([^/?#]+)$/.exec(url) ?? []
  try {
    const project = decodeURIComponent(name)
    if (project !== '') return project
  } catch {
    // Told below.
  }
  throw wrong('url', url, `${projectUrl}NAME for a project`)
}

function wrong(field: string, found: string, expected: string): Error {
  return badRequest(`Invalid "permissions": "${field}" "${found.slice(0, 100)}": expected ${expected}`)
}
