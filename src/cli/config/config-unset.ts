import { badRequest } from '#base/failure.ts'

import { command } from '../command.ts'
import { applyPairs } from '../pairs.ts'
import { openConfig, targetFlag } from './config-target.ts'

export const configUnset = command({
  name: 'config unset',
  usage: '[<remote>:][<instance>] <key>',
  doc: 'Unset instance or server configuration keys',
  flags: { target: targetFlag },
  args: [1, 2],
  async run({ args, remotes }) {
    const key = args.at(-1)!
    const { connection, name } = remotes.at(args.length === 2 ? args[0]! : '')

    const { config, save } = await openConfig(connection, name)
    const has = Object.hasOwn(config, key)
    if (!has && name !== '') throw badRequest(`Can't unset key '${key}', it's not currently set`)
    // The server is told of the key even where it has none, so that it can say what is wrong with it.
    await save(has ? applyPairs(config, { [key]: '' }) : { ...config, [key]: '' })
  },
})
