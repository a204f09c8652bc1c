import { getWarning } from '#client/warnings.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { warningShape } from './warning-shape.ts'

export const warningShow = command({
  name: 'warning show',
  usage: '[<remote>:]<warning-uuid>',
  doc: 'Show warning',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'warning UUID')
    at.print(writeYaml(arrange(warningShape, await getWarning(connection, name))))
  },
})
