import { createNetwork } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'
import { splitPair } from '../pairs.ts'

export const networkCreate = command({
  name: 'network create',
  usage: '[<remote>:]<network> [key=value...]',
  doc: 'Create new networks',
  flags: { target: textFlag('Cluster member name'), type: textFlag('Network type', { short: 't' }) },
  args: [1, Infinity],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const config = Object.fromEntries(args.slice(1).map((pair) => splitPair(pair, 'Bad key/value pair: ')))

    await createNetwork(connection, { name, type: flags.type, config }, flags.target || undefined)
    if (globals.quiet) return
    at.print(flags.target ? `Network ${name} pending on member ${flags.target}\n` : `Network ${name} created\n`)
  },
})
