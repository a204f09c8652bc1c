import { before } from 'node:test'

import { compareOverTls } from '../clients-over-tls.ts'
import { ok, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta, '--peer')

before(() => {
  ok(stockLxc('storage', 'create', 'default', 'dir'))
  ok(stockLxc('network', 'create', 'lxdbr0'))
  ok(stockLxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default'))
  ok(stockLxc('profile', 'device', 'add', 'default', 'eth0', 'nic', 'network=lxdbr0', 'name=eth0'))
})

compareOverTls()
