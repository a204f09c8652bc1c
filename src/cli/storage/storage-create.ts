import { badRequest } from '#base/failure.ts'
import { createStoragePool } from '#client/storage.ts'

import { command, textFlag } from '../command.ts'
import { splitPair } from '../pairs.ts'

export const storageCreate = command({
  name: 'storage create',
  usage: '[<remote>:]<pool> <driver> [key=value...]',
  doc: 'Create storage pools',
  flags: { target: textFlag('Cluster member name') },
  args: [2, Infinity],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const [, driver = '', ...pairs] = args
    const bad = pairs.find((pair) => !pair.includes('='))
    if (bad !== undefined) throw badRequest(`Bad key=value pair: [${bad}]`)
    const config = Object.fromEntries(pairs.map((pair) => splitPair(pair, '')))

    await createStoragePool(connection, { name, driver, config }, flags.target || undefined)
    if (globals.quiet) return
    const where = flags.target ? `pending on member ${flags.target}` : 'created'
    at.print(`Storage pool ${name} ${where}\n`)
  },
})
