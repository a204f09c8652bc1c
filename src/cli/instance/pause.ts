import { command } from '../command.ts'
import { allFlag, changeStates } from './state-change.ts'

export const pause = command({
  name: 'pause',
  usage: '[<remote>:]<instance> [[<remote>:]<instance>...]',
  doc: 'Pause instances',
  flags: { all: allFlag },
  args: [0, Infinity],
  async run(call) {
    return await changeStates(call, {
      verb: 'pause',
      all: call.flags.all,
      concerns: (status) => status === 'Running',
      stateFor: () => ({ action: 'freeze', timeout: -1, force: false, stateful: false }),
    })
  },
})
