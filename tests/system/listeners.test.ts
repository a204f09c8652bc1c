import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { makeCertificate } from '#base/certificate.ts'
import { callHttps } from '../api/https.ts'
import { ok, ourLxc, RealDaemon, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon({ group: 'lxd' })
before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

const set = (address: string) => ok(stockLxc('config', 'set', 'core.https_address', address))

/** Whether the API answers at an address of loopback. */
async function answers(host: string, port = 8443): Promise<boolean> {
  try {
    return (await callHttps({ host, port })).status === 200
  } catch {
    return false
  }
}

test('each spelling of an address listens where it says, and nowhere else', async () => {
  for (const [address, four, six] of [
    ['127.0.0.1', true, false],
    ['::1', false, true],
    ['[::1]:8443', false, true],
    [':8443', true, true],
    ['[::]', true, true],
    ['0.0.0.0', true, false],
    ['0.0.0.0:8443', true, false],
    ['localhost:8443', undefined, undefined],
  ] as const) {
    set(address)
    const found = [await answers('127.0.0.1'), await answers('::1')]
    if (four === undefined) assert.ok(found.includes(true), address)
    else assert.deepEqual(found, [four, six], address)
    assert.equal(ok(ourLxc('config', 'get', 'core.https_address')).trim(), address)
  }
  set('')
  assert.deepEqual([await answers('127.0.0.1'), await answers('::1')], [false, false])
})

test('a stock client is told why an address can not be listened on, and nothing has changed', async () => {
  set('127.0.0.1')
  const { code, stderr } = stockLxc('config', 'set', 'core.https_address', '192.0.2.1:8443')
  assert.notEqual(code, 0)
  assert.match(stderr, /Invalid server configuration: "core.https_address": Cannot listen on "192.0.2.1:8443"/)
  assert.equal(ok(stockLxc('config', 'get', 'core.https_address')).trim(), '127.0.0.1')
  assert.ok(await answers('127.0.0.1'))
})

async function shown(): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: 8443, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

test('SIGHUP makes the daemon show the certificate that was put in its place, and one that is broken does not', async () => {
  set('127.0.0.1')
  const before = await shown()
  const made = makeCertificate({
    organization: 'o',
    commonName: 'replaced',
    hosts: ['lxd.example.org'],
    usage: 'server',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  })
  const key = readFileSync('/var/lib/lxd/server.key', 'utf8')
  writeFileSync('/var/lib/lxd/server.crt', made.certificate)
  process.kill(daemon.pid, 'SIGHUP')
  for (let tries = 0; !daemon.log().includes('Cannot reload the server certificate'); tries++) {
    assert.ok(tries < 200)
    await sleep(20)
  }
  assert.equal(await shown(), before)
  assert.equal(readFileSync('/var/lib/lxd/server.key', 'utf8'), key)

  writeFileSync('/var/lib/lxd/server.key', made.key)
  process.kill(daemon.pid, 'SIGHUP')
  for (let tries = 0; (await shown()) !== 'replaced'; tries++) {
    assert.ok(tries < 200)
    await sleep(20)
  }
})
