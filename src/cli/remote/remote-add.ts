import { badRequest } from '#base/failure.ts'
import { readTrustToken } from '#client/certificates.ts'

import type { RemoteConfig } from '../client-config.ts'
import { command, switchFlag, textFlag, type Call } from '../command.ts'
import { checkRemoteName, normaliseImagesUrl, normaliseServerUrl } from '../remote-url.ts'
import { saveRemote } from '../write-client-config.ts'

/** Flags of `remote add`. */
export const remoteAddFlags = {
  'accept-certificate': switchFlag('Accept certificate'),
  'auth-type': textFlag('Server authentication type (tls or oidc)'),
  domain: textFlag('Candid domain to use', { hidden: true }),
  password: textFlag('Remote admin password'),
  project: textFlag('Project to use for the remote'),
  protocol: textFlag('Server protocol (lxd or simplestreams)'),
  public: switchFlag('Public image server'),
} as const

export type RemoteAdd = Call<typeof remoteAddFlags>

export const remoteAdd = command({
  name: 'remote add',
  usage: '[<remote>] <IP|FQDN|URL|token>',
  doc: 'Add new remote servers',
  details: `URL for remote resources must be HTTPS (https://).

Basic authentication can be used when combined with the "simplestreams" protocol:
  lxc remote add some-name https://LOGIN:PASSWORD@example.com/some/path --protocol=simplestreams`,
  flags: remoteAddFlags,
  args: [1, 2],
  async run(call) {
    const { args, flags, remotes } = call
    const name = args[0]!
    const where = args[1] ?? name
    const token = readTrustToken(where)
    if (token !== undefined && args.length === 1) throw badRequest('A token needs a name for the remote before it')
    checkNewName(call, name)

    if (flags.protocol === 'simplestreams') {
      await saveRemote(remotes, name, { addr: normaliseImagesUrl(where), public: true, protocol: 'simplestreams' })
      return
    }
    if (flags.protocol !== '' && flags.protocol !== 'lxd') throw badRequest(`Invalid protocol: ${flags.protocol}`)

    if (token !== undefined) {
      const { addByToken } = await import('./add-by-token.ts')
      return await addByToken(call, name, { text: where, token })
    }

    const addr = normaliseServerUrl(where)
    const { addHttps, addUnix } = await import('./add-server.ts')
    const remote: RemoteConfig = { addr, public: false, ...(flags.domain === '' ? {} : { domain: flags.domain }) }
    return await (addr.startsWith('unix:') ? addUnix(call, name, remote) : addHttps(call, name, remote))
  },
})

function checkNewName({ remotes }: RemoteAdd, name: string): void {
  const known = Object.hasOwn(remotes.config.remotes, name) ? remotes.config.remotes[name] : undefined
  if (known !== undefined) throw badRequest(`Remote ${name} exists as <${known.addr}>`)
  checkRemoteName(name)
}
