import { deleteWarning, listWarnings } from '#client/warnings.ts'

import { command, switchFlag } from '../command.ts'

export const warningDelete = command({
  name: 'warning delete',
  aliases: ['rm'],
  usage: '[<remote>:]<warning-uuid>',
  doc: 'Delete warning',
  flags: { all: switchFlag('Delete all warnings', { short: 'a' }) },
  args: [0, 1],
  async run({ args, flags, remotes }) {
    if (!flags.all) {
      if (args.length === 0) return 'usage'
      const { connection, name } = remotes.named(args[0]!, 'warning UUID')
      await deleteWarning(connection, name)
      return
    }
    const { connection } = remotes.at(args[0] ?? '')
    for (const { uuid } of await listWarnings(connection)) await deleteWarning(connection, uuid)
  },
})
