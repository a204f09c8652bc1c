import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { forgetTokens } from '../oidc-tokens.ts'
import { saveRemote } from '../write-client-config.ts'
import { changeable } from './change-remote.ts'
import { forgetServerCertificate } from './pinned.ts'

export const remoteRemove = command({
  name: 'remote remove',
  aliases: ['rm'],
  usage: '<remote>',
  doc: 'Remove remotes',
  flags: {},
  args: [1, 1],
  async run({ args, remotes }) {
    const name = args[0]!
    changeable(remotes, name)
    if (remotes.config.global.has(name)) throw badRequest(`Remote ${name} is global and cannot be removed`)
    if (remotes.config['default-remote'] === name) throw badRequest("Can't remove the default remote")

    await saveRemote(remotes, name, undefined)
    forgetServerCertificate(remotes.directory, name)
    forgetTokens(remotes.directory, name)
  },
})
