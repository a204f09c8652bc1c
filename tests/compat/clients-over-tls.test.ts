import { after, before } from 'node:test'

import { compareOverTls } from '../clients-over-tls.ts'
import { ok, RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
})
after(() => daemon.end('SIGTERM'))

// The stock client asks the server first whether it has metrics.
compareOverTls(['config trust add --name four --type metrics'])
