import { getProject, updateProject } from '#client/projects.ts'

import { command } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'

export const projectSet = command({
  name: 'project set',
  usage: '[<remote>:]<project> <key>=<value>...',
  doc: 'Set project configuration keys',
  details: `A single key may also be set with:
    lxc project set [<remote>:]<project> <key> <value>`,
  flags: {},
  args: [2, Infinity],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const pairs = readPairs(args.slice(1), at)

    const { project, etag } = await getProject(connection, name)
    await updateProject(connection, name, { ...project, config: applyPairs(project.config, pairs) }, etag)
  },
})
