import { createAuthGroup } from '#client/auth.ts'

import { command, textFlag } from '../command.ts'
import { readYaml } from '../read-yaml.ts'
import { authGroupPut } from './auth-shapes.ts'

export const authGroupCreate = command({
  name: 'auth group create',
  usage: '[<remote>:]<group>',
  doc: 'Create groups',
  examples: [
    { command: 'lxc auth group create g1' },
    { command: 'lxc auth group create g1 < config.yaml', doc: 'Create a group with the content of config.yaml' },
  ],
  flags: { description: textFlag('Group description', { short: 'd' }) },
  args: [1, 1],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    const text = at.terminal.stdin ? '' : Buffer.from(at.readInput()).toString()
    const given = text.trim() === '' ? {} : await readYaml(authGroupPut, text)

    const put = { description: '', permissions: [], ...given }
    await createAuthGroup(connection, name, flags.description === '' ? put : { ...put, description: flags.description })
    if (!globals.quiet) at.print(`Group ${name} created\n`)
  },
})
