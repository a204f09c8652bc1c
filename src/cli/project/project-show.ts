import { getProject } from '#client/projects.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { projectShape } from './project-shapes.ts'

export const projectShow = command({
  name: 'project show',
  usage: '[<remote>:]<project>',
  doc: 'Show project options',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const { project } = await getProject(connection, name)
    at.print(writeYaml(arrange(projectShape, project)))
  },
})
