import { getServer } from '#client/server.ts'

import { command } from '../command.ts'

export const version = command({
  name: 'version',
  usage: '[<remote>:]',
  doc: 'Show local and remote versions',
  flags: {},
  args: [0, 1],
  async run({ args, remotes, at, version: own }) {
    at.print(`Client version: ${own}\nServer version: ${await ask()}\n`)

    async function ask(): Promise<string> {
      try {
        const { connection } = remotes.at(args[0] ?? '')
        return (await getServer(connection)).server.environment.server_version ?? 'unknown'
      } catch {
        return 'unreachable'
      }
    }
  },
})
