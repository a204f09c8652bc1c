import { cancelOperation } from '#client/operations.ts'

import { command } from '../command.ts'

export const operationDelete = command({
  name: 'operation delete',
  aliases: ['cancel', 'rm'],
  usage: '[<remote>:]<operation>',
  doc: 'Delete a background operation (will attempt to cancel)',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'operation name')
    await cancelOperation(connection, name)
    if (!globals.quiet) at.print(`Operation ${name} deleted\n`)
  },
})
