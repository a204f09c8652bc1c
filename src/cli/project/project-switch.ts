import { getProject } from '#client/projects.ts'

import { command } from '../command.ts'
import { saveRemote } from '../write-client-config.ts'

export const projectSwitch = command({
  name: 'project switch',
  usage: '[<remote>:]<project>',
  doc: 'Switch the current project',
  flags: {},
  args: [1, 1],
  async run({ args, remotes }) {
    const { connection, remote, name } = remotes.named(args[0]!, 'project name')
    await getProject(connection, name)
    await saveRemote(remotes, remote, { ...remotes.get(remote), project: name })
  },
})
