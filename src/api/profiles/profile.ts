import { Profile, ProfilePatch, ProfilePost, ProfilePut } from '#schema/profile.ts'
import type { ProfileRecord } from '#store/profile-record.ts'
import { entityUrl, visibleUrls } from '../list.ts'
import { created, done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** A profile as the API shows it. */
export function profileJson(services: Services, profile: ProfileRecord, request: Pick<Request, 'may'>): Profile {
  const { config, description, devices, name } = profile
  const users = services.profiles.users(profile)
  const urls = users.map(({ value }) => entityUrl(['instances', value.name], value.project))
  return { config, description, devices, name, used_by: visibleUrls(request, urls) }
}

function etag({ config, description, devices }: ProfileRecord): unknown {
  return [config, description, devices]
}

export const profile = route('/1.0/profiles/{name}', {
  get: {
    doc: 'Get a profile.',
    access: 'view',
    reply: Profile,
    handle(services, request) {
      const found = services.profiles.get(request.project, request.params.name)
      return sync(profileJson(services, found, request), etag(found))
    },
  },
  put: {
    doc: 'Replace a profile. Running instances that use it follow.',
    access: 'manage-profiles',
    body: ProfilePut,
    async handle(services, { params, project, body, checkEtag, requestor }) {
      checkEtag(etag(services.profiles.get(project, params.name)))
      await services.profiles.update(project, params.name, { input: body, requestor })
      return done()
    },
  },
  patch: {
    doc: 'Change parts of a profile. Running instances that use it follow.',
    access: 'manage-profiles',
    body: ProfilePatch,
    async handle(services, { params, project, body, checkEtag, requestor }) {
      const now = services.profiles.get(project, params.name)
      checkEtag(etag(now))
      const config = { ...now.config, ...body.config }
      const devices = { ...now.devices, ...body.devices }
      const input = { description: body.description ?? now.description, config, devices }
      await services.profiles.update(project, params.name, { input, requestor })
      return done()
    },
  },
  post: {
    doc: 'Rename a profile.',
    access: 'manage-profiles',
    body: ProfilePost,
    async handle(services, { params, project, body, requestor }) {
      await services.profiles.rename(project, params.name, { to: body.name, requestor })
      return created(entityUrl(['profiles', body.name]))
    },
  },
  delete: {
    doc: 'Delete a profile that no instance uses.',
    access: 'manage-profiles',
    async handle(services, { params, project, requestor }) {
      await services.profiles.delete(project, params.name, requestor)
      return done()
    },
  },
})
