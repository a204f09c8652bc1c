import { after, before } from 'node:test'

import { compareClients } from '../client-output.ts'
import { ok, RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
})
after(() => daemon.end('SIGTERM'))

compareClients()
