import { lxd } from '#cli/lxd/lxd.ts'
import { runProgram } from '#cli/run.ts'
import { surroundingsOf } from '#cli/surroundings.ts'

const directory = process.env['LXD_DIR'] || '/var/lib/lxd'

// The daemon's code is loaded by what needs it only: `lxd waitready` is called in loops.
const program = lxd('5.0.2', {
  async serve(flags) {
    const { serve } = await import('#daemon/serve.ts')
    await serve({
      directory,
      group: text(flags['group']),
      logFile: text(flags['logfile']),
      level: flags['debug'] === true ? 'debug' : flags['verbose'] === true ? 'info' : 'warn',
      descriptor: activatedSocket(),
    })
    return 0
  },
  async isNeeded() {
    const { isDaemonNeeded } = await import('#daemon/needed.ts')
    return await isDaemonNeeded(directory)
  },
  async verifyAudit(options) {
    const { verifyAudit } = await import('#daemon/verify-audit.ts')
    return await verifyAudit(directory, options)
  },
})

process.exit(await runProgram(program, process.argv.slice(2), surroundingsOf(process, process.env)))

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The first socket that systemd handed over, if it did (sd_listen_fds(3)). */
function activatedSocket(): number | undefined {
  const { LISTEN_PID, LISTEN_FDS } = process.env
  if (Number(LISTEN_PID) !== process.pid || !(Number(LISTEN_FDS) >= 1)) return undefined
  // Not for the programs that the daemon runs.
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name]
  return 3
}
