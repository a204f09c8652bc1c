import { badRequest } from '#base/failure.ts'
import { path } from '#client/connection.ts'
import { renameInstance } from '#client/instances.ts'
import { perform, waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'

export const rename = command({
  name: 'rename',
  usage: '[<remote>:]<instance>[/<snapshot>] <instance>[/<snapshot>]',
  doc: 'Rename instances and snapshots',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { remote, connection, name } = remotes.at(args[0]!)
    const to = remotes.parse(args[1]!, remote)
    if (to.remote !== remote) throw badRequest("Can't specify a different remote for rename")

    const [instance = '', snapshot] = name.split('/', 2)
    if (snapshot === undefined) {
      if (to.name.includes('/')) throw badRequest(`Invalid new instance name "${to.name}": it cannot contain "/"`)
      await waitOperation(connection, await renameInstance(connection, name, to.name))
      return
    }

    const [owner, renamed = owner] = to.name.split('/', 2)
    if (to.name.includes('/') && owner !== instance) throw badRequest("Can't rename a snapshot into another instance")
    await perform(connection, {
      method: 'POST',
      path: path`/1.0/instances/${instance}/snapshots/${snapshot}`,
      body: { name: renamed },
    })
  },
})
