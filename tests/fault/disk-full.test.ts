import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const home = '/var/lib/lxd'
const filler = `${home}/filler`
const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

/** Fills the disk, but for some bytes. */
function leave(bytes: number): void {
  const { bavail, bsize } = statfsSync(home)
  const file = openSync(filler, 'w')
  try {
    for (let left = bavail * bsize - bytes; left > 0; left -= 4096)
      writeSync(file, Buffer.alloc(Math.min(left, 4096), 1))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

function traces(): Record<string, unknown> {
  const names = (path: string) =>
    readdirSync(`${home}/${path}`)
      .filter((name) => !name.startsWith('.'))
      .toSorted()
  return {
    links: readdirSync('/sys/class/net').toSorted(),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes('/containers/')),
    hosts: names('networks/lxdbr0/dnsmasq.hosts'),
    logs: names('logs'),
    containers: names('containers'),
    volumes: names('storage-pools/default/containers'),
    listed: lxc('list', '--format=csv', '-c', 'ns'),
  }
}

before(async () => {
  ok(runProgram('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=711', 'small', home]))
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
after(() => daemon.end('SIGTERM'))

test('whatever a launch runs out of space at, it says so, takes nothing along, and the next one works', async () => {
  const clean = traces()
  const outcomes = new Set<string>()
  for (const bytes of [0, 4 << 10, 12 << 10, 24 << 10, 48 << 10, 96 << 10, 300 << 10, 1 << 20, 2 << 20, 4 << 20]) {
    leave(bytes)
    const { code, stderr } = stockLxc('launch', 'busybox', 'c1')
    const forced = stockLxc('delete', '-f', 'c1')
    rmSync(filler)
    outcomes.add(code === 0 ? 'worked' : 'failed')
    if (code !== 0) assert.match(stderr, /space|full/i, `${bytes} bytes`)
    if (forced.code !== 0 && stockLxc('info', 'c1').code === 0) lxc('delete', '-f', 'c1')
    assert.deepEqual(traces(), clean, `${bytes} bytes: ${stderr}`)

    lxc('launch', 'busybox', 'c2')
    assert.equal(lxc('exec', 'c2', '--', 'hostname'), 'c2\n')
    lxc('delete', '-f', 'c2')
    assert.deepEqual(traces(), clean, `${bytes} bytes`)
  }
  assert.deepEqual([...outcomes].toSorted(), ['failed', 'worked'])
})

test('an instance that runs while the disk is full can be stopped, and the daemon started again', async () => {
  const clean = traces()
  lxc('launch', 'busybox', 'c1')
  leave(0)
  const init = lxc('list', 'c1', '--format=csv', '-c', 'p')
  await daemon.end('SIGTERM')
  await daemon.start()
  assert.equal(lxc('list', 'c1', '--format=csv', '-c', 'p'), init)
  const { code, stderr } = stockLxc('stop', '-f', 'c1')
  if (code !== 0) assert.match(stderr, /space|full/i)
  rmSync(filler)
  assert.equal(lxc('list', 'c1', '--format=csv', '-c', 's'), 'STOPPED\n')
  lxc('start', 'c1')
  lxc('delete', '-f', 'c1')
  assert.deepEqual(traces(), clean)
})
