import { badRequest } from '#base/failure.ts'

import { command, switchFlag } from '../command.ts'
import { openConfig, targetFlag } from './config-target.ts'

export const configGet = command({
  name: 'config get',
  usage: '[<remote>:][<instance>] <key>',
  doc: 'Get values for instance or server configuration keys',
  flags: { expanded: switchFlag('Access the expanded configuration', { short: 'e' }), target: targetFlag },
  args: [1, 2],
  async run({ args, flags, remotes, at }) {
    const key = args.at(-1)!
    const { connection, name } = remotes.at(args.length === 2 ? args[0]! : '')
    if (flags.expanded && name === '') throw badRequest('--expanded cannot be used with a server')

    const { config, expanded } = await openConfig(connection, name)
    at.print(`${(flags.expanded ? expanded : config)[key] ?? ''}\n`)
  },
})
