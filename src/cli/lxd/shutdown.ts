import { unavailable } from '#base/failure.ts'
import { command, numberFlag, switchFlag } from '../command.ts'
import { localDaemon } from './local.ts'

export const shutdown = command({
  name: 'shutdown',
  usage: '',
  doc: 'Tell LXD to shutdown all containers and exit',
  details: `Stops all instances cleanly, then the daemon. This takes as long as the slowest
instance, which a "boot.host_shutdown_timeout" of its own bounds.`,
  flags: {
    force: switchFlag('Force shutdown instead of waiting for running operations to finish', { short: 'f' }),
    timeout: numberFlag('Number of seconds to wait before giving up', { short: 't' }),
  },
  args: [0, 0],
  async run(call) {
    const daemon = localDaemon(call)
    const { force, timeout } = call.flags
    const limit = timeout > 0 ? { signal: AbortSignal.timeout(timeout * 1000) } : {}
    try {
      const { openEvents } = await import('#client/events.ts')
      // A connection that stays tells when the daemon is gone. Asking anew would have an init system start it again.
      const events = await openEvents(daemon, { types: ['lifecycle'] })
      limit.signal?.addEventListener('abort', () => events.close())
      await daemon.request('PUT', '/internal/shutdown', undefined, {
        query: { force: String(force), timeout: timeout > 0 ? timeout : undefined },
        ...limit,
      })
      await ended(events)
      limit.signal?.throwIfAborted()
    } catch (cause) {
      if (limit.signal?.aborted) throw unavailable(`LXD still running after ${timeout}s timeout`, { cause })
      throw cause
    }
  },
})

/** Resolves when the connection has ended, in whichever way. */
async function ended(events: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of events) continue
  } catch {
    // A daemon that exits may reset its connections rather than close them.
  }
}
