import { changeState, getInstance } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'
import { startProgress } from '../progress.ts'
import { create, createFlags } from './create.ts'
import { tellOfNoNetwork } from './no-network.ts'

export const launch = command({
  name: 'launch',
  usage: '[<remote>:]<image> [<remote>:][<name>]',
  doc: 'Create and start instances from images',
  examples: [
    { command: 'lxc launch ubuntu:22.04 u1' },
    {
      command: 'lxc launch ubuntu:22.04 u1 < config.yaml',
      doc: 'Create and start a container with configuration from config.yaml',
    },
    { command: 'lxc launch ubuntu:22.04 v1 --vm', doc: 'Create and start a virtual machine' },
  ],
  flags: createFlags,
  args: [1, 2],
  async run(call) {
    const { at, globals } = call
    const { connection, name } = await create(call)
    if (call.args.length === 1 && !call.flags.empty) at.print(`Instance name is: ${name}\n`)

    if (!globals.quiet) at.print(`Starting ${name}\n`)
    const [operation, { instance }] = await Promise.all([
      changeState(connection, name, { action: 'start', timeout: -1, force: false, stateful: false }),
      getInstance(connection, name),
    ])
    using progress = startProgress('', globals, at)
    await waitOperation(connection, operation, progress)
    tellOfNoNetwork(instance, at)
  },
})
