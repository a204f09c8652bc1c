import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { renameTokens } from '../oidc-tokens.ts'
import { checkRemoteName } from '../remote-url.ts'
import { writeClientConfig } from '../write-client-config.ts'
import { changeable } from './change-remote.ts'
import { renameServerCertificate } from './pinned.ts'

export const remoteRename = command({
  name: 'remote rename',
  aliases: ['mv'],
  usage: '<remote> <new-name>',
  doc: 'Rename remotes',
  flags: {},
  args: [2, 2],
  run({ args, remotes }) {
    const [from, to] = [args[0]!, args[1]!]
    const remote = changeable(remotes, from)
    const { config, directory } = remotes
    if (Object.hasOwn(config.remotes, to)) throw badRequest(`Remote ${to} already exists`)
    if (config.global.has(from)) throw badRequest(`Remote ${from} is global and cannot be renamed`)
    checkRemoteName(to)

    // First the certificate: a remote without one is refused, one with another's would not be.
    renameServerCertificate(directory, from, to)
    renameTokens(directory, from, to)
    const others = Object.entries(config.remotes).filter(([name]) => name !== from)
    writeClientConfig(directory, {
      ...config,
      'default-remote': config['default-remote'] === from ? to : config['default-remote'],
      remotes: Object.fromEntries([...others, [to, remote]]),
    })
  },
})
