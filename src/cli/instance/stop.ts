import { badRequest } from '#base/failure.ts'

import { command, numberFlag, switchFlag } from '../command.ts'
import { allFlag, changeStates } from './state-change.ts'

export const stop = command({
  name: 'stop',
  usage: '[<remote>:]<instance> [[<remote>:]<instance>...]',
  doc: 'Stop instances',
  flags: {
    all: allFlag,
    force: switchFlag('Force the instance to shutdown', { short: 'f' }),
    stateful: switchFlag('Store the instance state'),
    timeout: numberFlag('Time to wait for the instance before killing it', { default: -1 }),
  },
  args: [0, Infinity],
  async run(call) {
    const { all, force, stateful, timeout } = call.flags
    if (force && stateful) throw badRequest('--force cannot be combined with --stateful')
    return await changeStates(call, {
      verb: 'stop',
      all,
      concerns: (status) => status !== 'Stopped',
      stateFor: () => ({ action: 'stop', timeout, force, stateful }),
    })
  },
})
