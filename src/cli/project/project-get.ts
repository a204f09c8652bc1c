import { getProject } from '#client/projects.ts'

import { command } from '../command.ts'

export const projectGet = command({
  name: 'project get',
  usage: '[<remote>:]<project> <key>',
  doc: 'Get values for project configuration keys',
  flags: {},
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const { project } = await getProject(connection, name)
    at.print(`${project.config[args[1]!] ?? ''}\n`)
  },
})
