import { notFound } from '#base/failure.ts'
import { listTrustTokens, revokeTrustToken } from '#client/certificates.ts'

import { command } from '../command.ts'

export const configTrustRevokeToken = command({
  name: 'config trust revoke-token',
  usage: '[<remote>:] <name>',
  doc: 'Revoke certificate add token',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, remote, name } = remotes.at(args[0]!)
    const token = (await listTrustTokens(connection)).find(({ clientName }) => clientName === name)
    if (token === undefined) throw notFound(`No certificate add token for member ${name} on remote: ${remote}`)

    await revokeTrustToken(connection, token)
    if (!globals.quiet) at.print(`Certificate add token for ${name} deleted\n`)
  },
})
