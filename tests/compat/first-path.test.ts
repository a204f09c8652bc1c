import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
})
after(() => daemon.end('SIGTERM'))

test('the stock client goes the whole way from an image to a container and back', async (t) => {
  await t.test('init made a network, a pool and a profile that uses both', () => {
    assert.match(lxc('network', 'list', '--format=csv'), /^lxdbr0,bridge,YES,/m)
    assert.match(lxc('storage', 'list', '--format=csv'), /^default,(overlay|dir),/m)
    const profile = lxc('profile', 'show', 'default')
    assert.match(profile, /network: lxdbr0/)
    assert.match(profile, /path: \//)
  })

  await t.test('an image is imported under an alias', () => {
    assert.match(
      lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'),
      /Image imported with fingerprint: [0-9a-f]{64}/,
    )
    assert.match(lxc('image', 'list', '--format=csv'), /^busybox,[0-9a-f]{12},no,.*,x86_64,CONTAINER,/m)
  })

  await t.test('a container is launched and listed with its address', async () => {
    lxc('launch', 'busybox', 'c1')
    assert.match(lxc('list', '--format=csv', '-c', 'ns'), /^c1,RUNNING$/m)
    for (let tries = 0; ; tries++) {
      const listed = lxc('list', '--format=csv', '-c', 'n4')
      if (/^c1,10\.\d+\.\d+\.\d+ \(eth0\)$/m.test(listed)) break
      assert.ok(tries < 100, `no address: ${listed}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  await t.test('commands run inside, and their exit codes come out', () => {
    assert.equal(lxc('exec', 'c1', '--', 'hostname'), 'c1\n')
    assert.equal(runProgram('/usr/bin/lxc', ['exec', 'c1', '--', 'cat'], 'through the pipe').stdout, 'through the pipe')
    assert.equal(stockLxc('exec', 'c1', '--', 'sh', '-c', 'exit 7').code, 7)
    assert.equal(stockLxc('exec', 'c1', '--', 'no-such-program').code, 127)
    assert.equal(stockLxc('exec', 'c1', '--', '/etc/passwd').code, 126)
    assert.equal(lxc('exec', 'c1', '--env', 'A=b c', '--', 'sh', '-c', 'echo "$A"; pwd; id -u'), 'b c\n/root\n0\n')
  })

  await t.test('it is unprivileged', () => {
    const map = lxc('exec', 'c1', '--', 'cat', '/proc/self/uid_map')
    assert.doesNotMatch(map, /^\s*0\s+0\s/)
  })

  await t.test('it is paused, restarted, renamed, stopped and deleted', () => {
    lxc('pause', 'c1')
    assert.match(lxc('list', '--format=csv', '-c', 'ns'), /^c1,FROZEN$/m)
    lxc('start', 'c1')
    lxc('restart', 'c1')
    lxc('restart', '-f', 'c1')
    assert.notEqual(stockLxc('delete', 'c1').code, 0)
    lxc('stop', 'c1')
    assert.match(lxc('list', '--format=csv', '-c', 'ns'), /^c1,STOPPED$/m)
    lxc('rename', 'c1', 'c2')
    lxc('start', 'c2')
    assert.equal(lxc('exec', 'c2', '--', 'hostname'), 'c2\n')
    lxc('delete', '-f', 'c2')
    assert.equal(lxc('list', '--format=csv'), '')
    lxc('image', 'delete', 'busybox')
    assert.equal(lxc('image', 'list', '--format=csv'), '')
  })
})
