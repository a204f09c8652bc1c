import { command } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'
import { openConfig, targetFlag } from './config-target.ts'

export const configSet = command({
  name: 'config set',
  usage: '[<remote>:][<instance>] <key>=<value>...',
  doc: 'Set instance or server configuration keys',
  details: `A single key may also be set with:
    lxc config set [<remote>:][<instance>] <key> <value>`,
  examples: [
    {
      command: 'lxc config set [<remote>:]<instance> limits.cpu=2',
      doc: 'Will set a CPU limit of "2" for the instance.',
    },
    {
      command: 'lxc config set core.https_address=[::]:8443',
      doc: 'Will have LXD listen on IPv4 and IPv6 port 8443.',
    },
  ],
  flags: { target: targetFlag },
  args: [1, Infinity],
  async run({ args, remotes, at }) {
    const [owner, words] = splitOwner(args)
    const { connection, name } = remotes.at(owner)
    const pairs = readPairs(words, at)

    const target = await openConfig(connection, name)
    await target.save(applyPairs(target.config, pairs))
  },
})

/** Whose settings are meant, and the words that say which: the first word is a server's key, or names an owner. */
function splitOwner(args: readonly string[]): [owner: string, words: readonly string[]] {
  const [first = '', second] = args
  const isKey = first.includes('=') || second === undefined || (args.length === 2 && !second.includes('='))
  return isKey ? ['', args] : [first, args.slice(1)]
}
