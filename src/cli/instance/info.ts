import { getInstanceFull, readInstanceLog } from '#client/instances.ts'
import { getResources, getServer } from '#client/server.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import type { Resources } from '../server/describe-resources.ts'

export const info = command({
  name: 'info',
  usage: '[<remote>:][<instance>]',
  doc: 'Show instance or server information',
  examples: [
    { command: 'lxc info [<remote>:]<instance> [--show-log]', doc: 'For instance information.' },
    { command: 'lxc info [<remote>:] [--resources]', doc: 'For LXD server information.' },
  ],
  flags: {
    resources: switchFlag('Show the resources available to the server'),
    'show-log': switchFlag("Show the instance's last 100 log lines?"),
    target: textFlag('Cluster member name'),
  },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.at(args[0] ?? '')

    if (name !== '') {
      const { describeInstance } = await import('./describe-instance.ts')
      at.print(describeInstance(await getInstanceFull(connection, name)))
      if (flags['show-log']) at.print(`\nLog:\n\n${await readInstanceLog(connection, name, 'lxc.log')}\n`)
      return
    }

    if (flags.resources) {
      const { describeResources } = await import('../server/describe-resources.ts')
      at.print(describeResources((await getResources(connection)) as Resources))
      return
    }

    const [{ server }, { serverShape }, { arrange }, { writeYaml }] = await Promise.all([
      getServer(connection),
      import('../server/server-shape.ts'),
      import('../shape.ts'),
      import('../yaml.ts'),
    ])
    // A server from before there were others says nothing of how clients may show who they are.
    const auth_methods = (server.auth_methods?.length ?? 0) === 0 ? ['tls'] : server.auth_methods
    at.print(writeYaml(arrange(serverShape, { ...server, auth_methods })))
  },
})
