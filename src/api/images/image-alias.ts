import {
  ImageAliasesEntry,
  ImageAliasesEntryPatch,
  ImageAliasesEntryPost,
  ImageAliasesEntryPut,
} from '#schema/image.ts'
import type { ImageAliasRecord } from '#store/image-record.ts'
import { entityUrl } from '../list.ts'
import { created, done, sync } from '../reply.ts'
import { route } from '../route.ts'
import { aliasJson } from './image-aliases.ts'

function etag({ description, target }: ImageAliasRecord): unknown {
  return [description, target]
}

export const imageAlias = route('/1.0/images/aliases/{name}', {
  get: {
    doc: 'Get an alias of an image: to clients that are not trusted, of a public one.',
    access: 'untrusted',
    reply: ImageAliasesEntry,
    handle({ images }, { project, params, trusted }) {
      const { aliases } = images
      const alias = trusted ? aliases.get(project, params.name) : aliases.getPublic(project, params.name)
      return sync(aliasJson(alias), etag(alias))
    },
  },
  put: {
    doc: 'Replace what an alias stands for and its description.',
    access: 'manage-images',
    body: ImageAliasesEntryPut,
    async handle({ images }, { project, params, body, checkEtag, requestor }) {
      checkEtag(etag(images.aliases.get(project, params.name)))
      await images.aliases.update(project, params.name, { input: body, requestor })
      return done()
    },
  },
  patch: {
    doc: 'Change what an alias stands for, or its description.',
    access: 'manage-images',
    body: ImageAliasesEntryPatch,
    async handle({ images }, { project, params, body, checkEtag, requestor }) {
      const now = images.aliases.get(project, params.name)
      checkEtag(etag(now))
      const input = { description: body.description ?? now.description, target: body.target ?? now.target }
      await images.aliases.update(project, params.name, { input, requestor })
      return done()
    },
  },
  post: {
    doc: 'Rename an alias.',
    access: 'manage-images',
    body: ImageAliasesEntryPost,
    async handle({ images }, { project, params, body, requestor }) {
      await images.aliases.rename(project, params.name, { to: body.name, requestor })
      return created(entityUrl(['images', 'aliases', body.name]))
    },
  },
  delete: {
    doc: 'Delete an alias. The image stays.',
    access: 'manage-images',
    async handle({ images }, { project, params, requestor }) {
      await images.aliases.delete(project, params.name, requestor)
      return done()
    },
  },
})
