import { deleteCertificate } from '#client/certificates.ts'

import { command } from '../command.ts'

export const configTrustRemove = command({
  name: 'config trust remove',
  aliases: ['rm'],
  usage: '[<remote>:]<fingerprint>',
  doc: 'Remove trusted client',
  flags: {},
  args: [1, 1],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'certificate fingerprint')
    await deleteCertificate(connection, name)
  },
})
