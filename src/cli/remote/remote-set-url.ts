import { command } from '../command.ts'
import { normaliseImagesUrl, normaliseServerUrl } from '../remote-url.ts'
import { saveRemote } from '../write-client-config.ts'
import { changeable } from './change-remote.ts'

export const remoteSetUrl = command({
  name: 'remote set-url',
  usage: '<remote> <URL>',
  doc: 'Set the URL for the remote',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const [name, url] = [args[0]!, args[1]!]
    const remote = changeable(remotes, name)
    // The certificate stays: at the new address the same server is expected.
    const addr = remote.protocol === 'simplestreams' ? normaliseImagesUrl(url) : normaliseServerUrl(url)
    await saveRemote(remotes, name, { ...remote, addr })
  },
})
