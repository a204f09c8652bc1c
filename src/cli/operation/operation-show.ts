import { getOperation } from '#client/operations.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { operationShape } from './operation-shape.ts'

export const operationShow = command({
  name: 'operation show',
  usage: '[<remote>:]<operation>',
  doc: 'Show details on a background operation',
  examples: [
    {
      command: 'lxc operation show 344a79e4-d88a-45bf-9c39-c72c26f6ab8a',
      doc: 'Show details on that operation UUID',
    },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'operation name')
    at.print(writeYaml(arrange(operationShape, await getOperation(connection, name))))
  },
})
