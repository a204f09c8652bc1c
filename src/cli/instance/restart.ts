import { command, numberFlag, switchFlag } from '../command.ts'
import { allFlag, changeStates } from './state-change.ts'

export const restart = command({
  name: 'restart',
  usage: '[<remote>:]<instance> [[<remote>:]<instance>...]',
  doc: 'Restart instances',
  flags: {
    all: allFlag,
    force: switchFlag('Force the instance to shutdown', { short: 'f' }),
    timeout: numberFlag('Time to wait for the instance before killing it', { default: -1 }),
  },
  args: [0, Infinity],
  async run(call) {
    const { all, force, timeout } = call.flags
    return await changeStates(call, {
      verb: 'restart',
      all,
      concerns: (status) => status === 'Running',
      stateFor: () => ({ action: 'restart', timeout, force, stateful: false }),
    })
  },
})
