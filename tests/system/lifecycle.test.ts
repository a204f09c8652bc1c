import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc, stockLxcLater } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxd = new URL('../../bin/lxd', import.meta.url).pathname
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const column = (name: string, letter: string) => lxc('list', name, '--format=csv', '-c', letter).trim()
const state = (name: string) => column(name, 's')
const pid = (name: string) => Number(column(name, 'p'))

/** Waits for something to be so; fails after a while. */
async function until(what: string, so: () => boolean): Promise<void> {
  for (let tries = 0; !so(); tries++) {
    assert.ok(tries < 150, `${what}: never so`)
    await sleep(100)
  }
}

function names(): string[] {
  return lxc('list', '--format=csv', '-c', 'n').split('\n').filter(Boolean)
}

const monitorOf = (init: number) => Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1])

/** An init that takes no notice of being told to shut down. */
const deaf =
  'rm /sbin/init; printf "#!/bin/sh\\ntrap : PWR\\nwhile :; do sleep 1; done\\n" >/sbin/init; chmod 755 /sbin/init'

before(async () => {
  await daemon.start()
  ok(runProgram(lxd, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
afterEach(() => {
  for (const name of names()) lxc('delete', '-f', name)
})
after(() => daemon.end('SIGTERM'))

test('a reboot from inside gives a new init, and the same MAC and address', async () => {
  lxc('launch', 'busybox', 'c1')
  const address = () => /inet \S+/.exec(stockLxc('exec', 'c1', '--', 'ip', '-4', 'addr', 'show', 'eth0').stdout)?.[0]
  await until('c1 has an address', () => address() !== undefined)
  const before = { init: pid('c1'), address: address() }
  const hwaddr = lxc('exec', 'c1', '--', 'cat', '/sys/class/net/eth0/address')
  stockLxc('exec', 'c1', '--', 'reboot')
  await until('c1 runs again', () => state('c1') === 'RUNNING' && pid('c1') !== before.init)
  await until('c1 has its address again', () => address() === before.address)
  assert.equal(lxc('exec', 'c1', '--', 'cat', '/sys/class/net/eth0/address'), hwaddr)
})

test('a power-off from inside stops, and the next start works', async () => {
  lxc('launch', 'busybox', 'c1')
  stockLxc('exec', 'c1', '--', 'poweroff')
  await until('c1 has stopped', () => state('c1') === 'STOPPED')
  lxc('start', 'c1')
  lxc('stop', 'c1')
  assert.equal(state('c1'), 'STOPPED')
})

test('an init that does not react has a clean stop time out, runs on, and can be stopped by force meanwhile', async () => {
  lxc('launch', 'busybox', 'c1')
  lxc('exec', 'c1', '--', 'sh', '-c', deaf)
  lxc('restart', '-f', 'c1')
  const late = stockLxc('stop', 'c1', '--timeout', '1')
  assert.equal(late.code, 1)
  assert.match(late.stderr, /Failed shutting down instance, status is "Running": context deadline exceeded/)
  assert.equal(state('c1'), 'RUNNING')

  const hanging = stockLxcLater('stop', 'c1')
  await sleep(500)
  assert.match(stockLxc('stop', 'c1').stderr, /Instance is busy running a stop operation/)
  assert.match(stockLxc('config', 'set', 'c1', 'user.a=b').stderr, /Instance is busy running a stop operation/)
  lxc('stop', '-f', 'c1')
  assert.equal((await hanging).code, 0)
  assert.equal(state('c1'), 'STOPPED')
})

test('a crash of the init or of its monitor is seen and recorded, and the next start works', async () => {
  lxc('launch', 'busybox', 'c1')
  for (const victim of [pid, (name: string) => monitorOf(pid(name))]) {
    process.kill(victim('c1'), 'SIGKILL')
    await until('c1 has stopped', () => state('c1') === 'STOPPED')
    await until('it is recorded', () => lxc('config', 'get', 'c1', 'volatile.last_state.power') === 'STOPPED\n')
    assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /containers\/c1\//)
    assert.deepEqual(
      readdirSync('/sys/class/net').filter((name) => name.startsWith('veth')),
      [],
    )
    lxc('start', 'c1')
  }
})

test('an ephemeral instance is deleted when it stops, from inside, from outside, and while the daemon is away', async () => {
  for (const end of [
    ['stop', 'e1'],
    ['stop', '-f', 'e1'],
    ['exec', 'e1', '--', 'poweroff'],
  ]) {
    lxc('launch', 'busybox', 'e1', '--ephemeral')
    lxc('restart', '-f', 'e1')
    stockLxc(...end)
    await until(`e1 is gone after ${end.join(' ')}`, () => names().length === 0)
  }
  lxc('launch', 'busybox', 'e1', '--ephemeral')
  const init = pid('e1')
  await daemon.end('SIGTERM')
  process.kill(init, 'SIGKILL')
  await daemon.start()
  assert.deepEqual(names(), [])
  assert.ok(!existsSync('/var/lib/lxd/storage-pools/default/containers/e1'))
})

test('a daemon that is restarted leaves instances running and takes note of what ended and rebooted meanwhile', async () => {
  for (const name of ['c1', 'c2', 'c3']) lxc('launch', 'busybox', name)
  const pids = ['c1', 'c2', 'c3'].map(pid) as [number, number, number]
  await daemon.end('SIGTERM')
  process.kill(pids[1], 'SIGKILL')
  ok(runProgram('nsenter', ['-t', String(pids[2]), '-p', '-m', 'kill', '-TERM', '1']))
  await until('c3 is down', () => !existsSync(`/proc/${pids[2]}`))
  await daemon.start()
  assert.equal(pid('c1'), pids[0])
  assert.equal(lxc('exec', 'c1', '--', 'hostname'), 'c1\n')
  assert.equal(state('c2'), 'STOPPED')
  await until('c3 runs again', () => state('c3') === 'RUNNING')
})

test('a shutdown stops all; the next start has those that ran or say so run again, in their order', async () => {
  const events = 'volatile.last_state.power'
  lxc('launch', 'busybox', 'ran')
  lxc('launch', 'busybox', 'never', '-c', 'boot.autostart=false')
  lxc(
    'init',
    'busybox',
    'first',
    '-c',
    'boot.autostart=true',
    '-c',
    'boot.autostart.priority=10',
    '-c',
    'boot.autostart.delay=1',
  )
  lxc('init', 'busybox', 'stopped')
  ok(runProgram(lxd, ['shutdown']))
  await daemon.ended()
  assert.deepEqual(monitors(), [])
  await daemon.start()
  await until('ran and first run', () => state('ran') === 'RUNNING' && state('first') === 'RUNNING')
  assert.equal(state('stopped'), 'STOPPED')
  assert.equal(state('never'), 'STOPPED')
  assert.equal(lxc('config', 'get', 'stopped', events), '\n')
  const started = (name: string) =>
    Date.parse((JSON.parse(lxc('query', `/1.0/instances/${name}`)) as { last_used_at: string }).last_used_at)
  assert.ok(started('ran') - started('first') >= 1000, `${started('ran') - started('first')} ms apart`)
})

test('instances that ran when the host lost power run again', async () => {
  lxc('launch', 'busybox', 'c1')
  const init = pid('c1')
  await daemon.end('SIGKILL')
  const monitor = monitorOf(init)
  process.kill(init, 'SIGKILL')
  process.kill(monitor, 'SIGKILL')
  const note = '/var/lib/lxd/monitors/c1'
  writeFileSync(note, readFileSync(note, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"'))
  await until('they are gone', () => !existsSync(`/proc/${init}`))
  await daemon.start()
  await until('c1 runs again', () => state('c1') === 'RUNNING')
  assert.notEqual(pid('c1'), init)
})

function monitors(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((one) => {
      try {
        return readFileSync(`/proc/${one}/cmdline`, 'latin1')
      } catch {
        return ''
      }
    })
    .filter((line) => /^\[lxc monitor|^lxc-start|^dnsmasq/.test(line))
}

test('after a shutdown without instances nothing is left of what runs', async () => {
  lxc('launch', 'busybox', 'c1')
  lxc('delete', '-f', 'c1')
  lxc('image', 'delete', 'busybox')
  ok(runProgram(lxd, ['shutdown']))
  await daemon.ended()
  assert.deepEqual(monitors(), [])
  assert.deepEqual(readdirSync('/sys/class/net'), ['lo'])
  assert.equal(ok(runProgram('nft', ['list', 'ruleset'])), '')
  assert.deepEqual(
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(' /var/lib/lxd/')),
    [],
  )
  const left = ok(runProgram('find', ['/var/lib/lxd', '-mindepth', '1', '-not', '-type', 'd']))
  const empty = ['containers', 'images', 'logs', 'devices', 'snapshots', 'monitors', 'security']
  assert.deepEqual(
    left.split('\n').filter((path) => empty.some((folder) => path.startsWith(`/var/lib/lxd/${folder}/`))),
    [],
  )
  for (const folder of [
    'containers',
    'images',
    'logs',
    'devices',
    'snapshots',
    'networks/lxdbr0',
    'storage-pools/default/containers',
  ]) {
    const path = `/var/lib/lxd/${folder}`
    assert.deepEqual(
      existsSync(path) ? readdirSync(path).filter((name) => !/^dnsmasq\.(leases|hosts)$/.test(name)) : [],
      [],
      folder,
    )
  }
  assert.ok(!existsSync('/var/lib/lxd/unix.socket'))
  await daemon.start()
})
