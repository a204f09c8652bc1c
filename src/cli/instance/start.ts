import { getInstance } from '#client/instances.ts'

import { command, switchFlag } from '../command.ts'
import { allFlag, changeStates } from './state-change.ts'

export const start = command({
  name: 'start',
  usage: '[<remote>:]<instance> [[<remote>:]<instance>...]',
  doc: 'Start instances',
  flags: { all: allFlag, stateless: switchFlag('Ignore the instance state') },
  args: [0, Infinity],
  async run(call) {
    return await changeStates(call, {
      verb: 'start',
      all: call.flags.all,
      concerns: (status) => status !== 'Running',
      stateFor: async (connection, name) => {
        const { instance } = await getInstance(connection, name)
        if (instance.status === 'Frozen') return { action: 'unfreeze', timeout: 0, force: false, stateful: false }
        const stateful = instance.stateful && !call.flags.stateless
        return { action: 'start', timeout: 0, force: false, stateful }
      },
    })
  },
})
