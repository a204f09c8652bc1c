import { command } from '../command.ts'
import { localDaemon } from './local.ts'

/** `isNeeded` looks at the daemon's own records, as there may be no daemon to ask. */
export function activateIfNeeded(isNeeded: () => Promise<boolean>) {
  return command({
    name: 'activateifneeded',
    usage: '',
    doc: 'Check if LXD should be started',
    details: `Looks for instances that start by themselves or ran when the daemon last
stopped, and for an address to listen on. If there is one of these, connects to
the daemon's socket, at which an init system that holds the socket starts it.`,
    flags: {},
    args: [0, 0],
    async run(call) {
      if (await isNeeded()) await localDaemon(call).get('/1.0')
    },
  })
}
