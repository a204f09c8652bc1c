import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const rounds = Number(process.env['LXD_KILL_ROUNDS'] ?? '100')
const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

/** What a round does while the daemon is killed: its commands one after the other, each allowed to fail. */
const works: readonly (readonly (readonly string[])[])[] = [
  [['launch', 'busybox', 'victim']],
  [['init', 'busybox', 'victim']],
  [
    ['init', 'busybox', 'victim'],
    ['start', 'victim'],
  ],
  [
    ['launch', 'busybox', 'victim'],
    ['stop', '-f', 'victim'],
  ],
  [
    ['launch', 'busybox', 'victim'],
    ['delete', '-f', 'victim'],
  ],
  [['image', 'import', imageFile('busybox'), '--alias', 'second', '--public']],
  [
    ['launch', 'busybox', 'victim'],
    ['restart', '-f', 'victim'],
  ],
]

/** Runs commands as a client would that doesn't know what is to come. */
async function attempt(commands: readonly (readonly string[])[]): Promise<void> {
  for (const command of commands) {
    const child = spawn('/usr/bin/lxc', command, {
      stdio: 'ignore',
      env: { ...process.env, LXD_CONF: '/tmp/lxc-conf' },
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await once(child, 'exit')
    clearTimeout(timer)
  }
}

/** What there is on the host because of instances. */
function traces(): Record<string, readonly string[]> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith('/var/lib/lxd/storage-pools/') && path.split('/').length > 6)
  const links = readdirSync('/sys/class/net').filter((name) => name.startsWith('veth'))
  const monitors = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.startsWith('[lxc monitor]'))
    .map((line) => line.trim().split(' ').at(-1) ?? '')
  const cgroups = readdirSync('/sys/fs/cgroup/memory').filter((name) => name.startsWith('lxc.'))
  const folders = (path: string) => readdirSync(path).filter((name) => !name.startsWith('.'))
  return {
    mounts,
    links,
    monitors,
    cgroups,
    containers: folders('/var/lib/lxd/containers'),
    volumes: folders('/var/lib/lxd/storage-pools/default/containers'),
  }
}

async function restart(): Promise<void> {
  await daemon.start()
}

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'witness')
})
after(() => daemon.end('SIGTERM'))

test(`a daemon killed at ${rounds} random moments loses and leaks nothing, and its containers never notice`, async () => {
  const witness = lxc('list', 'witness', '--format=csv', '-c', 'p').trim()
  const before = traces()
  let seed = 20_26
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31

  for (let round = 0; round < rounds; round++) {
    const work = works[round % works.length] ?? []
    const working = attempt(work)
    await sleep(random() * 450)
    await daemon.end('SIGKILL')
    await working
    await restart()

    const about = `round ${round}: ${work.map((command) => command.join(' ')).join('; ')}`
    assert.equal(lxc('list', 'witness', '--format=csv', '-c', 'p').trim(), witness, about)
    const names = lxc('list', '--format=csv', '-c', 'n').trim().split('\n').toSorted()
    assert.ok(
      names.every((name) => ['victim', 'witness'].includes(name)),
      about,
    )
    const now = traces()
    assert.deepEqual(now['containers']?.toSorted(), names, about)
    assert.deepEqual(now['volumes']?.toSorted(), names, about)

    // What is left is whole: it starts, answers, and goes without a trace.
    if (names.includes('victim')) {
      if (!lxc('list', 'victim', '--format=csv', '-c', 's').includes('RUNNING')) lxc('start', 'victim')
      assert.equal(lxc('exec', 'victim', '--', 'hostname'), 'victim\n', about)
      lxc('delete', '-f', 'victim')
    }
    if (lxc('image', 'list', '--format=csv', '-c', 'l').includes('second')) lxc('image', 'alias', 'delete', 'second')
    assert.deepEqual(traces(), before, about)
    assert.equal(lxc('exec', 'witness', '--', 'hostname'), 'witness\n', about)
  }
})
