import { listOf } from '#schema/common.ts'
import { ImageAliasesEntry, ImageAliasesPost } from '#schema/image.ts'
import type { ImageAliasRecord } from '#store/image-record.ts'
import { entityUrl, listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'

/** An alias as the API shows it. */
export function aliasJson({ description, target, name, type }: ImageAliasRecord): ImageAliasesEntry {
  return { description, target, name, type }
}

export const imageAliases = route('/1.0/images/aliases', {
  get: {
    doc: 'List the aliases of images: to clients that are not trusted, those of public ones.',
    access: 'untrusted',
    reply: listOf(ImageAliasesEntry),
    handle({ images }, request) {
      const { trusted, project } = request
      const aliases = trusted ? images.aliases.list(project) : images.aliases.listPublic(project)
      return listReply(request, aliases, {
        url: ({ name }) => entityUrl(['images', 'aliases', name]),
        object: aliasJson,
      })
    },
  },
  post: {
    doc: 'Add an alias of an image.',
    access: 'manage-images',
    body: ImageAliasesPost,
    async handle(services, { project, body, requestor }) {
      await services.images.aliases.create(project, body, requestor)
      return created(entityUrl(['images', 'aliases', body.name]))
    },
  },
})
