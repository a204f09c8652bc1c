import { renameProject } from '#client/projects.ts'

import { command } from '../command.ts'

export const projectRename = command({
  name: 'project rename',
  aliases: ['mv'],
  usage: '[<remote>:]<project> <new-name>',
  doc: 'Rename projects',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    await renameProject(connection, name, args[1]!)
    if (!globals.quiet) at.print(`Project ${name} renamed to ${args[1]!}\n`)
  },
})
