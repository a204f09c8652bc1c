import { getIdentity, updateIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { identityPut } from './auth-shapes.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityEdit = command({
  name: 'auth identity edit',
  usage: '[<remote>:]<authentication_method>/<id>',
  doc: 'Edit an identity as YAML',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    let etag: string | undefined

    await edit({
      at,
      shape: identityPut,
      help: `The groups an identity is in, such as

groups:
- operators`,
      load: async () => {
        const got = await getIdentity(connection, identity)
        etag = got.etag
        return got.value
      },
      save: async (document) => {
        const { groups } = { groups: [], ...document } as { readonly groups: readonly string[] }
        await updateIdentity(connection, identity, groups, etag)
      },
    })
  },
})
