import { path } from '#client/connection.ts'
import { getInstance } from '#client/instances.ts'
import { getServer } from '#client/server.ts'

import { command, switchFlag } from '../command.ts'
import { instancePut, snapshotShape } from '../instance/instance-shapes.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { serverPut } from './config-shapes.ts'
import { targetFlag } from './config-target.ts'

export const configShow = command({
  name: 'config show',
  usage: '[<remote>:][<instance>[/<snapshot>]]',
  doc: 'Show instance or server configurations',
  flags: { expanded: switchFlag('Show the expanded configuration', { short: 'e' }), target: targetFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.at(args[0] ?? '')
    if (name === '') {
      const { server } = await getServer(connection)
      at.print(writeYaml(arrange(serverPut, server)))
      return
    }

    const [instanceName = '', snapshot] = name.split('/', 2)
    if (snapshot !== undefined) {
      const got = await connection.get(path`/1.0/instances/${instanceName}/snapshots/${snapshot}`)
      at.print(writeYaml(arrange(snapshotShape, got)))
      return
    }

    const { instance } = await getInstance(connection, name)
    const { expanded_config, expanded_devices } = instance
    const shown = flags.expanded ? { ...instance, config: expanded_config, devices: expanded_devices } : instance
    at.print(writeYaml(arrange(instancePut, shown)))
  },
})
