import Type from 'typebox'
import type { Static } from 'typebox'
import { StringMap } from './common.ts'

/** What a user may change of a project. */
export const ProjectPut = Type.Object({ config: StringMap, description: Type.String() }, { title: 'ProjectPut' })
export type ProjectPut = Static<typeof ProjectPut>

/** The same with every field optional: what is absent stays as it is. */
export const ProjectPatch = Type.Partial(ProjectPut, { title: 'ProjectPatch' })

/** A new project. */
export const ProjectsPost = Type.Object({ ...ProjectPut.properties, name: Type.String() }, { title: 'ProjectsPost' })

/** A rename of a project. */
export const ProjectPost = Type.Object({ name: Type.String({ description: 'New name' }) }, { title: 'ProjectPost' })

/** A project as the API shows it. */
export const Project = Type.Object(
  {
    ...ProjectPut.properties,
    name: Type.String(),
    used_by: Type.Array(Type.String(), { description: 'URLs of what is in the project' }),
  },
  { title: 'Project' },
)
export type Project = Static<typeof Project>

const ProjectStateResource = Type.Object(
  {
    Limit: Type.Integer({ description: 'The limit, -1 where there is none' }),
    Usage: Type.Integer(),
  },
  { title: 'ProjectStateResource' },
)

/** What the instances and networks of a project are allowed to use and do use, by resource. */
export const ProjectState = Type.Object(
  { resources: Type.Record(Type.String(), ProjectStateResource) },
  { title: 'ProjectState' },
)
export type ProjectState = Static<typeof ProjectState>
