import { getAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { authGroupShape } from './auth-shapes.ts'

export const authGroupShow = command({
  name: 'auth group show',
  usage: '[<remote>:]<group>',
  doc: 'Show group configurations',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    at.print(writeYaml(arrange(authGroupShape, (await getAuthGroup(connection, name)).value)))
  },
})
