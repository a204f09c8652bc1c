import { getProject, updateProject, type ProjectPut } from '#client/projects.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { projectPut } from './project-shapes.ts'

export const projectEdit = command({
  name: 'project edit',
  usage: '[<remote>:]<project>',
  doc: 'Edit project configurations as YAML',
  examples: [
    { command: 'lxc project edit <project> < project.yaml', doc: 'Update a project using the content of project.yaml' },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    let etag: string | undefined

    await edit({
      at,
      shape: projectPut,
      help: `A project: its settings (config) and its description, such as

config:
  features.images: "true"
  limits.instances: "10"
description: For the build machines`,
      load: async () => {
        const got = await getProject(connection, name)
        etag = got.etag
        return got.project
      },
      save: async (document) => {
        const put: ProjectPut = { config: {}, description: '', ...document }
        await updateProject(connection, name, put, etag)
      },
    })
  },
})
