import { createProject } from '#client/projects.ts'

import { command, textsFlag } from '../command.ts'
import { splitPair } from '../pairs.ts'

export const projectCreate = command({
  name: 'project create',
  usage: '[<remote>:]<project>',
  doc: 'Create projects',
  flags: { config: textsFlag('Config key/value to apply to the new project', { short: 'c' }) },
  args: [1, 1],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const config = Object.fromEntries(flags.config.map((pair) => splitPair(pair, 'Bad key=value pair: ')))

    await createProject(connection, { name, config })
    if (!globals.quiet) at.print(`Project ${name} created\n`)
  },
})
