import { setTimeout as sleep } from 'node:timers/promises'
import { unavailable } from '#base/failure.ts'
import { command, numberFlag } from '../command.ts'
import { localDaemon } from './local.ts'

/** Milliseconds between two tries. */
const PAUSE = 100

export const waitReady = command({
  name: 'waitready',
  usage: '',
  doc: 'Wait for LXD to be ready to process requests',
  details: `Returns once the daemon answers and is done with what it does at its start, such
as starting instances again that ran before.`,
  flags: { timeout: numberFlag('Number of seconds to wait before giving up', { short: 't' }) },
  args: [0, 0],
  async run(call) {
    const daemon = localDaemon(call)
    const { timeout } = call.flags
    const end = timeout > 0 ? Date.now() + timeout * 1000 : Number.POSITIVE_INFINITY
    for (;;) {
      try {
        // One that accepts connections and never answers must not keep us longer than was asked.
        const left = Math.max(1, end - Date.now())
        const signal = Number.isFinite(left) ? { signal: AbortSignal.timeout(left) } : {}
        await daemon.get('/internal/ready', signal)
        return
      } catch (cause) {
        if (Date.now() + PAUSE >= end) throw unavailable(`LXD still not running after ${timeout}s timeout`, { cause })
        await sleep(PAUSE)
      }
    }
  },
})
