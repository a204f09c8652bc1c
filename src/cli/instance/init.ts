import { getInstance } from '#client/instances.ts'

import { command } from '../command.ts'
import { create, createFlags } from './create.ts'
import { tellOfNoNetwork } from './no-network.ts'

export const init = command({
  name: 'init',
  usage: '[<remote>:]<image> [<remote>:][<name>]',
  doc: 'Create instances from images',
  examples: [
    { command: 'lxc init ubuntu:22.04 u1' },
    {
      command: 'lxc init ubuntu:22.04 u1 < config.yaml',
      doc: 'Create the instance with configuration from config.yaml',
    },
  ],
  flags: createFlags,
  args: [1, 2],
  async run(call) {
    const { connection, name } = await create(call)
    if (call.args.length === 1 && !call.flags.empty) call.at.print(`Instance name is: ${name}\n`)

    const { instance } = await getInstance(connection, name)
    tellOfNoNetwork(instance, call.at)
  },
})
