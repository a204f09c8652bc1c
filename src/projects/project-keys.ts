import { bool, parseBool, string } from '#config/key.ts'
import type { ProjectRecord } from '#store/project-record.ts'

/** What a project can have of its own, rather than share with the project "default". */
export const features = ['images', 'networks', 'profiles', 'storage.volumes'] as const

export type ProjectFeature = (typeof features)[number]

/** The features a new project has unless its creator says otherwise. */
export const initialFeatures: readonly ProjectFeature[] = ['images', 'profiles', 'storage.volumes']

/** Every key of a project's configuration that has an effect. */
export const projectKeys = {
  'features.images': bool({
    doc: 'Whether the project has images and image aliases of its own.\n\nA new project has, unless told otherwise.',
    default: 'false',
    live: true,
  }),
  'features.networks': bool({
    doc: 'Whether the project has networks of its own.\n\nOnly the project "default" can have them so far.',
    default: 'false',
    live: true,
  }),
  'features.profiles': bool({
    doc: 'Whether the project has profiles of its own.\n\nA new project has, unless told otherwise.',
    default: 'false',
    live: true,
  }),
  'features.storage.volumes': bool({
    doc: 'Whether the project has custom storage volumes of its own.\n\nA new project has, unless told otherwise.',
    default: 'false',
    live: true,
  }),
  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}

/** Whether a project has the images, networks, profiles or volumes it uses to itself. */
export function hasFeature(project: ProjectRecord, feature: ProjectFeature): boolean {
  return parseBool(project.config[`features.${feature}`] || 'false')
}
