import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import { after, before, test } from 'node:test'
import { SftpClient } from '#base/sftp-client.ts'
import { openModes } from '#base/sftp-packets.ts'
import { imageFile } from '../image.ts'
import { ok, ourLxc, RealDaemon, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
before(async () => {
  await daemon.start()
  ok(stockLxc('storage', 'create', 'default', 'overlay'))
  ok(stockLxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default'))
  ok(stockLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
  ok(stockLxc('launch', 'busybox', 'runs'))
  ok(stockLxc('init', 'busybox', 'stopped'))
  ok(stockLxc('launch', 'busybox', 'privileged', '-c', 'security.privileged=true'))
})
after(() => daemon.end('SIGKILL'))

const lxc = (...args: string[]) => ok(stockLxc(...args))
const refused = (...args: string[]) => {
  const { code, stderr } = stockLxc(...args)
  assert.equal(code, 1, args.join(' '))
  return stderr
}

for (const name of ['runs', 'stopped', 'privileged']) {
  test(`files go in and come out, with their owner and mode, where the instance ${name}`, () => {
    const bytes = randomBytes(3_000_001)
    writeFileSync('/tmp/big', bytes)
    lxc('file', 'push', '-q', '/tmp/big', `${name}/root/big`, '--uid', '1000', '--gid', '2000', '--mode', '0640')
    lxc('file', 'pull', '-q', `${name}/root/big`, '/tmp/back')
    assert.ok(readFileSync('/tmp/back').equals(bytes))

    mkdirSync(`/tmp/${name}/inner`, { recursive: true })
    writeFileSync(`/tmp/${name}/inner/file`, 'text')
    symlinkSync('inner/file', `/tmp/${name}/link`)
    lxc('file', 'push', '-q', '-r', `/tmp/${name}`, `${name}/root`)
    lxc('file', 'pull', '-q', '-r', `${name}/root/${name}`, '/tmp/pulled')
    assert.equal(readFileSync(`/tmp/pulled/${name}/link`, 'utf8'), 'text')

    assert.match(refused('file', 'delete', `${name}/root/${name}`), /directory not empty/)
    assert.match(refused('file', 'pull', `${name}/nothing`, '-'), /not found/i)
    lxc('file', 'delete', `${name}/root/${name}/link`)
  })
}

test('what was written while an instance was stopped is there when it runs, owned as asked', () => {
  lxc('start', 'stopped')
  const [line] = lxc('exec', 'stopped', '--', 'stat', '-c', '%u %g %a', '/root/big').split('\n')
  assert.equal(line, '1000 2000 640')
  lxc('stop', '-f', 'stopped')
  lxc('file', 'pull', '-q', 'stopped/root/big', '/tmp/again')
  lxc('delete', 'stopped')
})

test('paths lead nowhere else than into the instance, whatever the guest makes of them', () => {
  writeFileSync('/tmp/secret', 'of the host')
  const inside = (command: string) => lxc('exec', 'runs', '--', 'sh', '-c', command)
  inside('ln -s /tmp/secret /root/absolute; ln -s ../../../../../../../tmp/secret /root/relative')
  inside('ln -s /proc/1/root/tmp/secret /root/magic; mkfifo /root/pipe; ln -s /tmp /root/directory')
  for (const name of ['absolute', 'relative', 'magic']) {
    // A link is told as what it is; what is behind it is not there.
    const target = lxc('query', `/1.0/instances/runs/files?path=/root/${name}`, '--raw')
    assert.ok(!target.includes('of the host'), name)
    writeFileSync('/tmp/mine', 'of the client')
    // Written in the instance, or refused.
    stockLxc('file', 'push', '-q', '/tmp/mine', `runs/root/${name}`)
    assert.equal(readFileSync('/tmp/secret', 'utf8'), 'of the host')
  }
  lxc('file', 'push', '-q', '/tmp/mine', 'runs/root/directory/secret')
  assert.equal(readFileSync('/tmp/secret', 'utf8'), 'of the host')
  assert.equal(inside('cat /tmp/secret'), 'of the client')
  assert.match(refused('file', 'pull', 'runs/root/pipe', '-'), /not a regular file/)
  // The daemon and the helper are well.
  assert.equal(inside('echo well').trim(), 'well')
})

test('the helper is root of the container and of nothing else', () => {
  lxc('file', 'push', '-q', '/tmp/mine', 'runs/root/owned')
  assert.match(refused('file', 'push', '-q', '/tmp/mine', 'runs/sys/kernel/mm/ksm/run'), /Error/)
  assert.match(refused('file', 'push', '-q', '/tmp/mine', 'runs/proc/sys/kernel/core_pattern'), /Error/)
})

test('a connection that is upgraded speaks SFTP', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const headers = { connection: 'Upgrade', upgrade: 'sftp' }
  request({ socketPath: '/var/lib/lxd/unix.socket', path: '/1.0/instances/runs/sftp', headers })
    .on('upgrade', (_response, socket) => resolve(socket))
    .on('response', (response) => reject(new Error(`status ${response.statusCode}`)))
    .on('error', reject)
    .end()
  const socket = await promise
  const client = new SftpClient(socket, socket)
  const handle = await client.open('/root/by-sftp', openModes.write | openModes.create, { mode: 0o600 })
  await client.write(handle, Readable.from([Buffer.from('text')]))
  await client.close(handle)
  assert.equal(lxc('exec', 'runs', '--', 'cat', '/root/by-sftp'), 'text')
  assert.ok((await client.list('/root')).some(({ name }) => name.toString() === 'by-sftp'))
  await assert.rejects(client.stat('/root/nothing'), { code: 'ENOENT' })
  socket.destroy()
})

test('an instance that stops, starts and goes is not held up by who looks at its files', () => {
  for (let round = 0; round < 3; round++) {
    lxc('file', 'push', '-q', '/tmp/mine', 'privileged/root/mine')
    lxc('stop', '-f', 'privileged')
    lxc('file', 'pull', '-q', 'privileged/root/mine', '/tmp/mine')
    lxc('start', 'privileged')
  }
  lxc('file', 'push', '-q', '/tmp/mine', 'privileged/root/mine')
  lxc('delete', '-f', 'privileged')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('/privileged'))
})

test('our client takes files and trees in and out over one session', () => {
  const ours = (...args: string[]) => ok(ourLxc('file', ...args))
  const fails = (...args: string[]) => ourLxc('file', ...args).stderr
  mkdirSync('/tmp/tree/inner/empty', { recursive: true })
  for (let count = 0; count < 300; count++) writeFileSync(`/tmp/tree/inner/${count}`, `${count}`)
  symlinkSync('inner/7', '/tmp/tree/link')
  ours('push', '-r', '/tmp/tree', 'runs/root/')
  assert.equal(lxc('exec', 'runs', '--', 'sh', '-c', 'ls /root/tree/inner | wc -l; cat /root/tree/link'), '301\n7')
  ours('pull', '-r', 'runs/root/tree', '/tmp/tree-back')
  assert.equal(readFileSync('/tmp/tree-back/tree/inner/299', 'utf8'), '299')
  assert.equal(readlinkSync('/tmp/tree-back/tree/link'), 'inner/7')

  ours('push', '/tmp/big', 'runs/root/new', '--uid', '12', '--gid', '13', '--mode', '0604')
  assert.equal(lxc('exec', 'runs', '--', 'stat', '-c', '%u %g %a %s', '/root/new'), '12 13 604 3000001\n')
  ours('pull', 'runs/root/new', '/tmp/new')
  assert.ok(readFileSync('/tmp/new').equals(readFileSync('/tmp/big')))
  ours('push', '-p', '/tmp/mine', 'runs/root/a/b/c')
  assert.equal(ours('pull', 'runs/root/a/b/c', '-'), 'of the client')
  ours('delete', 'runs/root/a/b/c', 'runs/root/a/b')

  for (const [args, message] of [
    [['push', '/tmp/mine', 'runs'], 'Error: Invalid target runs\n'],
    [['push', '/tmp/mine', '/tmp/mine', 'runs/root/x'], 'Error: Missing target directory\n'],
    [['push', '/tmp/none', 'runs/root/'], 'Error: open /tmp/none: no such file or directory\n'],
    [['push', '/tmp/mine', 'runs/root/x', '--mode', '9'], 'Error: Invalid mode "9": expected a number such as 0644\n'],
    [['push', '/tmp/mine', 'none/root/'], 'Error: Instance not found\n'],
    [['pull', 'runs/root/none', '/tmp/'], 'Error: Not Found\n'],
    [['pull', 'runs/root', '/tmp/'], "Error: Can't pull a directory without --recursive\n"],
    [['delete', 'runs'], 'Error: Invalid path runs\n'],
  ] as const) {
    assert.equal(fails(...args), message)
  }
})
