import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (name: string, script: string) => lxc('exec', name, '--', 'sh', '-c', script)
const pools = '/var/lib/lxd/storage-pools'

/** What is mounted below a directory of the daemon. */
function mounts(): string[] {
  const paths = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
  return paths.filter((path) => path.startsWith('/var/lib/lxd/')).toSorted()
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(50)) assert.ok(Date.now() < end, what)
}

before(async () => {
  await daemon.start()
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
after(() => daemon.end('SIGTERM'))

for (const driver of ['overlay', 'dir']) {
  describe(`instances in a pool of the driver ${driver}`, () => {
    const container = (name: string) => `${pools}/${driver}/containers/${name}`

    before(() => {
      lxc('storage', 'create', driver, driver)
      lxc('launch', 'busybox', 'c1', '-s', driver)
      lxc('launch', 'busybox', 'c2', '-s', driver)
    })
    after(async () => {
      for (const name of ['c1', 'c2', 'c3']) stockLxc('delete', '-f', name)
      assert.deepEqual(readdirSync(`${pools}/${driver}/containers`), [])
      await eventually('deleted files stay', () => readdirSync(`${pools}/${driver}/.scratch`).length === 0)
      assert.deepEqual(readdirSync('/var/lib/lxd/devices'), [])
      assert.deepEqual(mounts(), [])
      lxc('storage', 'delete', driver)
    })

    test('write to their own root only, with their own ids', () => {
      inside('c1', 'echo mine >/root/mine; chown 1000 /root/mine; mkdir /new; mv /new /newer; rm -r /srv')
      assert.equal(inside('c1', 'stat -c %u:%g /root/mine'), '1000:0\n')
      assert.equal(inside('c2', 'ls -d /root/mine /newer /srv 2>/dev/null || true'), '/srv\n')
      const onDisk = execFileSync('find', [container('c1'), '-name', 'mine', '-printf', '%U:%G %p\n'])
      assert.match(onDisk.toString(), driver === 'overlay' ? /^1000:0 .*\/layers\/upper\/root\/mine$/m : /^1000:0 /)
    })

    test('keep their files over a restart, a rename and another map', () => {
      lxc('restart', '-f', 'c1')
      assert.equal(inside('c1', 'cat /root/mine'), 'mine\n')
      lxc('stop', '-f', 'c1')
      assert.ok(!mounts().some((path) => path.startsWith(`${container('c1')}/`)))
      lxc('rename', 'c1', 'c3')
      lxc('config', 'set', 'c3', 'security.idmap.isolated=true')
      lxc('start', 'c3')
      assert.equal(inside('c3', 'stat -c %u:%g /root/mine; cat /root/mine'), '1000:0\nmine\n')
      lxc('stop', '-f', 'c3')
      lxc('config', 'set', 'c3', 'security.idmap.isolated=', 'security.privileged=true')
      lxc('start', 'c3')
      assert.equal(
        inside('c3', 'stat -c %u:%g /root/mine; cat /proc/self/uid_map | tr -s " "'),
        '1000:0\n 0 0 4294967295\n',
      )
      lxc('stop', '-f', 'c3')
      lxc('config', 'unset', 'c3', 'security.privileged')
      lxc('rename', 'c3', 'c1')
      lxc('start', 'c1')
      assert.deepEqual(readdirSync('/var/lib/lxd/containers').toSorted(), ['c1', 'c2'])
    })

    test('have directories of the host from their start on, or plugged in while they run', () => {
      mkdirSync('/tmp/closed/data', { recursive: true, mode: 0o700 })
      writeFileSync('/tmp/closed/data/file', 'of the host\n')
      writeFileSync('/tmp/closed/single', 'one file\n')

      lxc('config', 'device', 'add', 'c1', 'data', 'disk', 'source=/tmp/closed/data', 'path=/mnt/a b', 'shift=true')
      lxc(
        'config',
        'device',
        'add',
        'c1',
        'single',
        'disk',
        'source=/tmp/closed/single',
        'path=etc/single',
        'readonly=true',
      )
      const check = () => {
        assert.equal(
          inside('c1', 'cat "/mnt/a b/file" /etc/single; stat -c %u "/mnt/a b/file"'),
          'of the host\none file\n0\n',
        )
        inside('c1', 'touch "/mnt/a b/written"')
        assert.equal(statSync('/tmp/closed/data/written').uid, 0)
        assert.match(stockLxc('exec', 'c1', '--', 'sh', '-c', 'echo x >/etc/single').stderr, /Read-only file system/)
      }
      check()
      lxc('restart', '-f', 'c1')
      check()

      lxc('config', 'device', 'remove', 'c1', 'data')
      assert.equal(inside('c1', 'ls "/mnt/a b"'), '')
      lxc('restart', '-f', 'c1')
      assert.equal(inside('c1', 'ls "/mnt/a b"; cat /etc/single'), 'one file\n')
      lxc('config', 'device', 'remove', 'c1', 'single')
      assert.deepEqual(readdirSync('/var/lib/lxd/devices'), [])
    })

    test('start without a directory of the host only where it is not required', () => {
      const add = ['config', 'device', 'add', 'c1', 'gone', 'disk', 'source=/tmp/closed/gone', 'path=/gone']
      assert.match(stockLxc(...add).stderr, /Missing source path "\/tmp\/closed\/gone" for disk "gone"/)
      lxc(...add, 'required=false')
      lxc('restart', '-f', 'c1')
      lxc('config', 'device', 'remove', 'c1', 'gone')
    })

    test('do not notice that the daemon is away', async () => {
      await daemon.end('SIGKILL')
      await daemon.start()
      assert.equal(inside('c1', 'cat /root/mine; echo more >>/root/mine'), 'mine\n')
      await daemon.end('SIGTERM')
      await daemon.start()
      assert.equal(inside('c1', 'cat /root/mine'), 'mine\nmore\n')
    })

    test('refuse a size that nobody would hold them to', () => {
      const { stderr } = stockLxc('config', 'device', 'set', 'c1', 'root', 'size=1GiB')
      assert.match(stderr, /can not limit the size of a root disk/)
      assert.match(stockLxc('storage', 'set', driver, 'volume.size=1GiB').stderr, /can not limit sizes/)
    })
  })
}

test('an image that is deleted leaves its tree to the instances that stand on it', async () => {
  lxc('storage', 'create', 'p', 'overlay')
  lxc('launch', 'busybox', 'c1', '-s', 'p')
  lxc('image', 'delete', 'busybox')
  assert.equal(readdirSync(`${pools}/p/images`).length, 1)
  lxc('restart', '-f', 'c1')
  assert.equal(inside('c1', 'echo whole'), 'whole\n')
  lxc('delete', '-f', 'c1')
  await eventually('the tree stays', () => readdirSync(`${pools}/p/images`).length === 0)
  lxc('storage', 'delete', 'p')
})

test('a clean shutdown lets go of everything', async () => {
  mkdirSync('/var/cache/lxd/elsewhere')
  lxc('storage', 'create', 'far', 'overlay', 'source=/var/cache/lxd/elsewhere')
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'c1', '-s', 'far')
  assert.ok(mounts().length > 1)
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['shutdown']))
  await eventually('something stays mounted', () => mounts().length === 0)
  await eventually('the socket stays', () => !existsSync('/var/lib/lxd/unix.socket'))

  await daemon.start()
  await eventually('the instance does not come back', () => lxc('list', '--format=csv', '-c', 's') === 'RUNNING\n')
  assert.equal(inside('c1', 'echo back'), 'back\n')
  lxc('delete', '-f', 'c1')
  lxc('storage', 'delete', 'far')
  assert.deepEqual(readdirSync('/var/cache/lxd/elsewhere'), [])
})
