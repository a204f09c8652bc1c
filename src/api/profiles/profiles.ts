import { listOf } from '#schema/common.ts'
import { Profile, ProfilesPost } from '#schema/profile.ts'
import { entityUrl, listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'
import { profileJson } from './profile.ts'

export const profiles = route('/1.0/profiles', {
  get: {
    doc: 'List the profiles.',
    access: 'view',
    reply: listOf(Profile),
    handle: (services, request) =>
      listReply(request, services.profiles.list(request.project), {
        url: ({ name, project }) => entityUrl(['profiles', name], project),
        object: (profile) => profileJson(services, profile, request),
      }),
  },
  post: {
    doc: 'Add a profile.',
    access: 'manage-profiles',
    body: ProfilesPost,
    async handle(services, { project, body, requestor }) {
      await services.profiles.create(project, body, requestor)
      return created(entityUrl(['profiles', body.name]))
    },
  },
})
