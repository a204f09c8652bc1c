import { acknowledgeWarning } from '#client/warnings.ts'

import { command } from '../command.ts'

export const warningAcknowledge = command({
  name: 'warning acknowledge',
  aliases: ['ack'],
  usage: '[<remote>:]<warning-uuid>',
  doc: 'Acknowledge warning',
  flags: {},
  args: [1, 1],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'warning UUID')
    await acknowledgeWarning(connection, name)
  },
})
