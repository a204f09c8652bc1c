import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import type { Log } from '#base/log.ts'
import { explain } from '#base/failure.ts'
import { groupId } from '#host/groups.ts'
import { run } from '#host/run.ts'
import { startDaemon } from './daemon.ts'
import { realHost } from './host.ts'

export interface ServeOptions {
  /** LXD_DIR. */
  readonly directory: string
  /** The group whose members may use the socket; only root may where undefined. */
  readonly group: string | undefined
  /** Where the log goes besides standard error. */
  readonly logFile: string | undefined
  readonly level: 'debug' | 'info' | 'warn'
  /** A listening Unix socket that was opened by systemd. */
  readonly descriptor: number | undefined
}

/** Why the daemon ends: told to leave the instances running, or to stop them first. */
type End = 'leave' | 'stop-instances' | 'stopped'

const ends: Readonly<Record<string, End>> = {
  SIGTERM: 'leave',
  SIGINT: 'leave',
  SIGQUIT: 'leave',
  SIGPWR: 'stop-instances',
}

/**
 * Runs the daemon until it is told to end. SIGTERM, SIGINT and SIGQUIT end it and leave the instances running,
 * SIGPWR (the host goes down) stops them first, as `lxd shutdown` does. SIGHUP makes it read its certificate again.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const log = makeLog(options)
  const { promise, resolve } = Promise.withResolvers<End>()
  for (const [signal, end] of Object.entries(ends)) process.on(signal, () => resolve(end))
  let reload = () => {}
  process.on('SIGHUP', () => reload())
  // A bug in one request must not end the daemon, and with it everyone else's sessions.
  process.on('unhandledRejection', (error) =>
    log.error('A promise was left to itself', { error: explain(error), stack: (error as Error)?.stack }),
  )
  process.on('uncaughtException', (error) =>
    log.error('An error was left to itself', { error: explain(error), stack: error.stack }),
  )

  const daemon = await startDaemon({
    directory: options.directory,
    log,
    host: await realHost({ directory: options.directory, log }),
    gid: options.group === undefined ? 0 : await groupId(run, options.group),
    descriptor: options.descriptor,
    onShutdown: () => resolve('stopped'),
  })
  reload = () => void daemon.reload()
  const end = await promise
  log.info('The daemon is stopping', { end })
  if (end === 'stop-instances') {
    const minutes = daemon.services.serverConfig.values()['core.shutdown_timeout']
    await daemon.services.shutdown({ force: false, timeout: minutes * 60_000 })
  }
  await daemon[Symbol.asyncDispose]()
}

function makeLog({ logFile, level }: ServeOptions): Log {
  const streams: pino.StreamEntry[] = [{ level, stream: process.stderr }]
  if (logFile !== undefined) {
    mkdirSync(dirname(join(logFile)), { recursive: true })
    streams.push({ level, stream: pino.destination({ dest: logFile, append: true, sync: true, mode: 0o600 }) })
  }
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.multistream(streams))
  const method = (name: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: object) =>
    logger[name](fields ?? {}, message)
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') }
}
