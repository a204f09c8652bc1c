import { deleteProject } from '#client/projects.ts'

import { command } from '../command.ts'
import { saveRemote } from '../write-client-config.ts'

export const projectDelete = command({
  name: 'project delete',
  aliases: ['rm'],
  usage: '[<remote>:]<project>',
  doc: 'Delete projects',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, remote, name } = remotes.named(args[0]!, 'project name')
    await deleteProject(connection, name)
    if (!globals.quiet) at.print(`Project ${name} deleted\n`)

    // Nothing could be asked for in a project that is gone.
    const { project, ...rest } = remotes.get(remote)
    if (project === name) await saveRemote(remotes, remote, rest)
  },
})
