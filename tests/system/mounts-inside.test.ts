import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import type { IdMap } from '#base/idmap.ts'
import { explain } from '#base/failure.ts'
import { mountsInside } from '#guest/mounts-inside.ts'
import { realMounts } from '#host/mounts.ts'
import { SyscallError } from '#host/native.ts'
import { run } from '#host/run.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]
const owner = { uid: 100_000, gid: 100_000 }
const namespaces = realUserNamespaces()
const mounts = realMounts(namespaces)
const inside = mountsInside(run)

const root = '/tmp/container'
const guests: ChildProcess[] = []
after(() => guests.forEach((guest) => guest.kill('SIGKILL')))

/** Something with a root file system and a user namespace of its own, as a container has them. */
async function startGuest(): Promise<number> {
  const tree = `${root}-tree`
  for (const path of [tree, root]) mkdirSync(path, { recursive: true })
  for (const name of ['bin', 'mnt', 'proc', 'old', 'etc']) mkdirSync(`${tree}/${name}`, { recursive: true })
  writeFileSync(`${tree}/bin/busybox`, readFileSync('/bin/busybox'), { mode: 0o755 })
  await mounts.bind(tree, root, { map })
  const script = `
    mount --bind ${root} ${root} && mount -t proc proc ${root}/proc && cd ${root} && pivot_root . old &&
    /bin/busybox umount -l /old && echo ready && exec /bin/busybox sleep 1000`
  const enter = [
    '--user=/proc/self/fd/3',
    '-S',
    '0',
    '-G',
    '0',
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
  ]
  const guest = await namespaces.use(map, (descriptor) =>
    spawn('nsenter', [...enter, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit', descriptor] }),
  )
  guests.push(guest)
  await once(guest.stdout as Readable, 'data')
  const children = readFileSync(`/proc/${guest.pid}/task/${guest.pid}/children`, 'utf8').trim()
  return Number(children.split(' ')[0])
}

const pid = await startGuest()
mkdirSync('/tmp/srv/data', { recursive: true })
writeFileSync('/tmp/srv/data/file', 'of the host')

/** What the guest's root reads at a path, with its own eyes. */
async function cat(path: string): Promise<string> {
  const { stdout } = await run('nsenter', [
    '-t',
    String(pid),
    '-U',
    '-m',
    '-S',
    '0',
    '-G',
    '0',
    '/bin/busybox',
    'cat',
    path,
  ])
  return stdout
}

async function asGuest(...command: string[]): Promise<string> {
  const { stdout } = await run('nsenter', [
    '-t',
    String(pid),
    '-U',
    '-m',
    '-S',
    '0',
    '-G',
    '0',
    '/bin/busybox',
    ...command,
  ])
  return stdout
}

test('a mount appears in a running container with ids of the container, and goes again', async () => {
  using mount = await mounts.detachedBind('/tmp/srv/data', { map })
  await inside.attach(pid, mount, { path: '/mnt/new/folder', owner })

  assert.equal(await cat('/mnt/new/folder/file'), 'of the host')
  assert.equal((await asGuest('stat', '-c', '%u:%g', '/mnt/new/folder/file')).trim(), '0:0')
  assert.equal((await asGuest('stat', '-c', '%u:%g', '/mnt/new')).trim(), '0:0')
  await asGuest('touch', '/mnt/new/folder/written')
  assert.equal(statSync('/tmp/srv/data/written').uid, 0)
  assert.equal(statSync(`${root}-tree/mnt/new`).uid, 0)

  await inside.detach(pid, '/mnt/new/folder')
  await inside.detach(pid, '/mnt/new/folder')
  await inside.detach(pid, '/mnt/nowhere/folder')
  assert.equal((await asGuest('ls', '/mnt/new/folder')).trim(), '')
})

test('a source that is bound to a directory is not followed out of it, by any link', async () => {
  mkdirSync('/tmp/srv/bound/a', { recursive: true })
  writeFileSync('/tmp/srv/bound/a/file', 'inside')
  const links = {
    within: 'a/file',
    absolute: '/etc',
    up: '../data',
    'a/up': '../../data',
    proc: '/proc/self/root/etc',
    'a/deep': 'further/../../../data',
  }
  for (const [link, target] of Object.entries(links)) symlinkSync(target, `/tmp/srv/bound/${link}`)

  const open = (source: string) => mounts.detachedBind(source, { below: '/tmp/srv/bound' })
  for (const source of ['', 'a', 'a/file', 'within']) {
    using mount = await open(source)
    assert.equal(mount.kind, source === '' || source === 'a' ? 'directory' : 'file')
  }
  for (const source of ['absolute', 'up', 'a/up', 'proc', 'a/deep', '..', '/etc', 'absolute/hostname']) {
    await assert.rejects(
      open(source),
      (error) => error instanceof SyscallError && /EXDEV|ENOENT|ELOOP/.test(error.code),
    )
  }
  // Where nothing binds it the same link is followed.
  using followed = await mounts.detachedBind('/tmp/srv/bound/absolute')
  assert.equal(followed.kind, 'directory')
})

test('a file is mounted on a file, and a read-only mount can not be written', async () => {
  using mount = await mounts.detachedBind('/tmp/srv/data/file', { map, readonly: true })
  await inside.attach(pid, mount, { path: '/etc/some/file', owner })
  assert.equal(await cat('/etc/some/file'), 'of the host')
  await assert.rejects(asGuest('sh', '-c', 'echo x >/etc/some/file'), /Read-only file system/)
  await assert.rejects(asGuest('mount', '-o', 'remount,rw,bind', '/etc/some/file'))
  await inside.detach(pid, '/etc/some/file')
})

test('links of the guest lead nowhere but into the guest', async () => {
  mkdirSync('/tmp/srv/victim', { recursive: true })
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  symlinkSync('/tmp/srv/victim', `${root}-tree/mnt/absolute`)
  symlinkSync('../../../../../../tmp/srv/victim', `${root}-tree/mnt/relative`)
  symlinkSync('/proc/1/root/tmp/srv/victim', `${root}-tree/mnt/magic`)
  for (const link of ['absolute', 'relative', 'magic']) {
    using mount = await mounts.detachedBind('/tmp/srv/data', { map })
    await inside.attach(pid, mount, { path: `/mnt/${link}/below`, owner }).catch((error: unknown) => {
      assert.match(explain(error), /EEXIST|ELOOP|ENOENT|EXDEV|ENOTDIR/)
    })
    await inside.detach(pid, `/mnt/${link}/below`)
  }
  assert.deepEqual(readdirSync('/tmp/srv/victim'), [])
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
})

test('what can not be mounted on says so and leaves nothing', async () => {
  using mount = await mounts.detachedBind('/tmp/srv/data', { map })
  await assert.rejects(inside.attach(pid, mount, { path: '/bin/busybox', owner }), /ENOTDIR/)
  await assert.rejects(inside.attach(pid, mount, { path: '/bin/busybox/x', owner }), /ENOTDIR/)
  assert.equal(existsSync(`${root}-tree/srv`), false)
})

test('mounts made inside do not come out', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  using mount = await mounts.detachedBind('/tmp/srv/data', { map, propagation: 'slave' })
  await inside.attach(pid, mount, { path: '/mnt/slave', owner })
  await asGuest('mkdir', '-p', '/mnt/slave/inner')
  await asGuest('mount', '-t', 'tmpfs', 'none', '/mnt/slave/inner')
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  await inside.detach(pid, '/mnt/slave')
})
