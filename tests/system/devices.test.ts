import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const refused = (...args: readonly string[]): string => {
  const { code, stderr } = stockLxc(...args)
  assert.equal(code, 1, args.join(' '))
  return stderr
}
/** What a command inside printed, both streams, and how it ended. */
const inside = (name: string, command: string): { code: number | null; text: string } => {
  const { code, stdout, stderr } = stockLxc('exec', name, '--', 'sh', '-c', command)
  return { code, text: stdout + stderr }
}

before(async () => {
  await daemon.start()
  lxc('storage', 'create', 'default', 'overlay')
  lxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default')
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'plain')
  lxc('launch', 'busybox', 'privileged', '-c', 'security.privileged=true')
})
after(() => daemon.end('SIGKILL'))

// A device that no container has by itself. Opened, it does nothing.
const loopControl = ['unix-char', 'path=/dev/control', 'major=10', 'minor=237']

for (const name of ['plain', 'privileged']) {
  test(`a character device is there from the start, is plugged in and out: ${name}`, async () => {
    lxc('config', 'device', 'add', name, 'zero', 'unix-char', 'source=/dev/zero', 'path=/srv/my zero', 'mode=0640')
    assert.equal(
      inside(name, 'stat -c "%F %t:%T %a %u:%g" "/srv/my zero"').text.trim(),
      'character special file 1:5 640 0:0',
    )
    assert.equal(inside(name, 'head -c 3 "/srv/my zero" | wc -c').text.trim(), '3')

    lxc('config', 'device', 'add', name, 'loops', ...loopControl, 'uid=1000', 'gid=1001', 'mode=0606')
    assert.equal(inside(name, 'stat -c "%t:%T %a %u:%g" /dev/control').text.trim(), 'a:ed 606 1000:1001')
    assert.equal(inside(name, ': < /dev/control').code, 0)
    lxc('config', 'device', 'set', name, 'loops', 'mode=0600')
    assert.equal(inside(name, 'stat -c "%a" /dev/control').text.trim(), '600')
    lxc('config', 'device', 'remove', name, 'loops')
    assert.notEqual(inside(name, 'test -e /dev/control').code, 0)

    lxc('config', 'device', 'add', name, 'loops', ...loopControl)
    lxc('restart', '-f', name)
    assert.equal(inside(name, ': < /dev/control').code, 0)
    assert.equal(inside(name, 'test -c "/srv/my zero"').code, 0)
    await daemon.end('SIGKILL')
    await daemon.start()
    lxc('config', 'device', 'remove', name, 'loops')
    lxc('config', 'device', 'remove', name, 'zero')
    assert.notEqual(inside(name, 'test -e /dev/control').code, 0)
    assert.equal(existsSync(`/var/lib/lxd/devices/${name}`), false)
  })

  test(`a device that root inside mounted elsewhere opens no more once it was taken: ${name}`, () => {
    lxc('config', 'device', 'add', name, 'loops', ...loopControl)
    const keep = 'touch /root/kept && mount --bind /dev/control /root/kept && : < /root/kept'
    assert.equal(inside(name, keep).text, '')
    lxc('config', 'device', 'remove', name, 'loops')
    assert.equal(inside(name, 'test -c /root/kept').code, 0)
    assert.match(inside(name, ': < /root/kept').text, /Operation not permitted|Permission denied/)
    // The control: the same node opens where the instance has the device again.
    lxc('config', 'device', 'add', name, 'loops', ...loopControl)
    assert.equal(inside(name, ': < /root/kept').code, 0)
    lxc('config', 'device', 'remove', name, 'loops')
    inside(name, 'umount /root/kept')
  })
}

test('a block device is there, and what was not given can not be had', () => {
  lxc('config', 'device', 'add', 'plain', 'disk', 'unix-block', 'path=/dev/myloop', 'major=7', 'minor=0')
  assert.equal(inside('plain', 'stat -c "%F %t:%T" /dev/myloop').text.trim(), 'block special file 7:0')
  lxc('config', 'device', 'remove', 'plain', 'disk')
  assert.match(inside('plain', 'mknod /root/n b 7 0').text, /Operation not permitted/)
  // A privileged one can make the node and still not open it.
  assert.equal(inside('privileged', 'mknod /root/n c 10 237').code, 0)
  assert.match(inside('privileged', ': < /root/n').text, /Operation not permitted/)
})

test('a node on a disk of the host opens nothing that the instance was not given', () => {
  mkdirSync('/tmp/nodes', { recursive: true })
  execFileSync('mknod', ['-m', '666', '/tmp/nodes/control', 'c', '10', '237'])
  lxc('config', 'device', 'add', 'plain', 'nodes', 'disk', 'source=/tmp/nodes', 'path=/srv/nodes')
  assert.match(inside('plain', ': < /srv/nodes/control').text, /Operation not permitted/)
  // The control: given the device, the very same node opens.
  lxc('config', 'device', 'add', 'plain', 'loops', ...loopControl)
  assert.equal(inside('plain', ': < /srv/nodes/control').code, 0)
  for (const name of ['nodes', 'loops']) lxc('config', 'device', 'remove', 'plain', name)
})

test('where the guest put a link, or something of its own, nothing of the host is covered', () => {
  for (const plant of ['ln -s /../../../../etc/hostname /srv/trap', 'mkfifo /srv/trap', 'ln -s /nowhere/x /srv/trap']) {
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    assert.equal(inside('plain', `rm -rf /srv/trap && ${plant}`).code, 0)
    stockLxc('config', 'device', 'add', 'plain', 'trap', 'unix-char', 'source=/dev/zero', 'path=/srv/trap')
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
    stockLxc('config', 'device', 'remove', 'plain', 'trap')
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  }
  assert.match(
    refused('config', 'device', 'add', 'plain', 'up', 'unix-char', 'source=/dev/zero', 'path=/../x'),
    /"\.\."/,
  )
  assert.match(refused('config', 'device', 'add', 'plain', 'up', 'unix-char', 'source=/dev/../etc/x'), /"\.\."/)
})

test('a start fails where a device does, and leaves nothing', () => {
  lxc('init', 'busybox', 'lacks')
  lxc('config', 'device', 'add', 'lacks', 'zero', 'unix-char', 'source=/dev/zero', 'path=/dev/a')
  lxc('config', 'device', 'add', 'lacks', 'gone', 'unix-char', 'source=/dev/no-such-device', 'path=/dev/b')
  assert.match(refused('start', 'lacks'), /required device path "\/dev\/no-such-device" doesn't exist/)
  assert.equal(existsSync('/var/lib/lxd/devices/lacks'), false)
  lxc('config', 'device', 'set', 'lacks', 'gone', 'required=false')
  lxc('start', 'lacks')
  lxc('delete', '-f', 'lacks')
  assert.deepEqual(
    readdirSync('/var/lib/lxd/devices').filter((name) => name === 'lacks'),
    [],
  )
})
