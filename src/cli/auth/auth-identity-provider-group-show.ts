import { getIdentityProviderGroup } from '#client/auth.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { identityProviderGroupShape } from './auth-shapes.ts'

export const authIdentityProviderGroupShow = command({
  name: 'auth identity-provider-group show',
  usage: '[<remote>:]<identity_provider_group>',
  doc: 'Show an identity provider group',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    at.print(writeYaml(arrange(identityProviderGroupShape, (await getIdentityProviderGroup(connection, name)).value)))
  },
})
