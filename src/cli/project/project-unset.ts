import { getProject, updateProject } from '#client/projects.ts'

import { command } from '../command.ts'
import { applyPairs } from '../pairs.ts'

export const projectUnset = command({
  name: 'project unset',
  usage: '[<remote>:]<project> <key>',
  doc: 'Unset project configuration keys',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const { project, etag } = await getProject(connection, name)
    await updateProject(connection, name, { ...project, config: applyPairs(project.config, { [args[1]!]: '' }) }, etag)
  },
})
