import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc, stockLxcLater } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

// What a restricted project promises, from inside it and from around it, on a real kernel.

const daemon = new RealDaemon({ group: 'lxd' })
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const refused = (...args: readonly string[]): string => {
  const { code, stderr } = stockLxc(...args)
  assert.notEqual(code, 0, `${args.join(' ')} was not refused`)
  return stderr
}

/** A project whose instances have a root disk, with images of "default". */
function makeProject(name: string, ...config: readonly string[]): void {
  const options = ['features.images=false', ...config].flatMap((pair) => ['-c', pair])
  lxc('project', 'create', name, ...options)
  lxc('--project', name, 'profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default')
}

const inside = (project: string, instance: string, ...command: readonly string[]): string =>
  lxc('--project', project, 'exec', instance, '--', ...command).trim()

/** The first line of the map of an instance's users: the id inside, the host's, how many. */
const uidMap = (project: string, instance: string): readonly number[] =>
  inside(project, instance, 'head', '-n1', '/proc/1/uid_map').split(/\s+/).filter(Boolean).map(Number)

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  makeProject('open')
  makeProject('closed', 'restricted=true')
  makeProject(
    'bound',
    'restricted=true',
    'restricted.devices.disk=allow',
    'restricted.devices.disk.paths=/tmp/srv/bound',
  )
})
after(() => daemon.end('SIGTERM'))

test('root in a restricted project is nobody on the host, however it is asked for', () => {
  lxc('--project', 'closed', 'launch', 'busybox', 'c1')
  const set = (...args: readonly string[]) => refused('--project', 'closed', ...args)
  const privileged = 'security.privileged=true'
  assert.match(set('launch', 'busybox', 'c2', '-c', privileged), /Privileged containers are forbidden/)
  assert.match(set('config', 'set', 'c1', privileged), /Privileged containers are forbidden/)
  assert.match(set('profile', 'set', 'default', privileged), /Privileged containers are forbidden/)
  assert.match(set('config', 'set', 'c1', 'raw.lxc=lxc.cap.keep = sys_admin'), /Use of low-level config "raw.lxc"/)
  lxc('--project', 'closed', 'restart', '-f', 'c1')
  const [id, host = 0, count = 0] = uidMap('closed', 'c1')
  assert.equal(id, 0)
  assert.ok(host >= 65_536 && count >= 65_536)

  // The control: where nothing restricts it, root is root.
  lxc('--project', 'open', 'launch', 'busybox', 'o1', '-c', privileged)
  assert.deepEqual(uidMap('open', 'o1').slice(0, 2), [0, 0])
  assert.match(refused('project', 'set', 'open', 'restricted=true'), /Privileged containers are forbidden/)
  assert.equal(lxc('project', 'get', 'open', 'restricted').trim(), '')
})

test('where isolation is asked for, instances share no user of the host, also when nobody said so', () => {
  makeProject('isolated', 'restricted=true', 'restricted.containers.privilege=isolated')
  assert.match(refused('--project', 'isolated', 'launch', 'busybox', 'i1'), /Non-isolated containers are forbidden/)
  lxc('--project', 'isolated', 'profile', 'set', 'default', 'security.idmap.isolated=true')
  for (const name of ['i1', 'i2']) lxc('--project', 'isolated', 'launch', 'busybox', name)
  const [[, first = 0, count = 0], [, second = 0]] = [uidMap('isolated', 'i1'), uidMap('isolated', 'i2')]
  const [, shared = 0, sharedCount = 0] = uidMap('closed', 'c1')
  assert.ok(Math.abs(first - second) >= count)
  assert.ok(first >= shared + sharedCount && second >= shared + sharedCount)
  const unset = ['profile', 'unset', 'default', 'security.idmap.isolated']
  assert.match(refused('--project', 'isolated', ...unset), /Non-isolated containers are forbidden/)
})

test('a directory that becomes a link after it was allowed leads nowhere', () => {
  mkdirSync('/tmp/srv/bound/share', { recursive: true })
  mkdirSync('/tmp/srv/secret')
  writeFileSync('/tmp/srv/secret/file', 'of the host')
  writeFileSync('/tmp/srv/bound/share/file', 'of the project')
  const add = (project: string, name: string, source: string) => [
    ...['--project', project, 'config', 'device', 'add', name, 'd', 'disk'],
    ...['path=/mnt', `source=${source}`],
  ]
  lxc('--project', 'bound', 'init', 'busybox', 'b1')
  lxc('--project', 'open', 'init', 'busybox', 'o2')
  assert.match(refused(...add('bound', 'b1', '/tmp/srv/secret')), /Disk source path "\/tmp\/srv\/secret" not allowed/)
  assert.match(refused(...add('bound', 'b1', '/tmp/srv/bound/../secret')), /not allowed/)
  lxc(...add('bound', 'b1', '/tmp/srv/bound/share'))
  lxc(...add('open', 'o2', '/tmp/srv/bound/share'))
  lxc('--project', 'bound', 'start', 'b1')
  assert.equal(inside('bound', 'b1', 'cat', '/mnt/file'), 'of the project')
  lxc('--project', 'bound', 'stop', '-f', 'b1')

  renameSync('/tmp/srv/bound/share', '/tmp/srv/bound/moved')
  symlinkSync('/tmp/srv/secret', '/tmp/srv/bound/share')
  assert.match(refused('--project', 'bound', 'start', 'b1'), /Disk source path "\/tmp\/srv\/bound\/share" not allowed/)
  // The control: nothing binds this one, and it follows the link.
  lxc('--project', 'open', 'start', 'o2')
  assert.equal(inside('open', 'o2', 'cat', '/mnt/file'), 'of the host')

  rmSync('/tmp/srv/bound/share')
  renameSync('/tmp/srv/bound/moved', '/tmp/srv/bound/share')
  lxc('--project', 'bound', 'start', 'b1')
  lxc('--project', 'open', 'delete', '-f', 'o2')
})

test('a directory that keeps changing into a link is never mounted as what the link leads to', async () => {
  lxc('--project', 'bound', 'config', 'device', 'remove', 'b1', 'd')
  symlinkSync('/tmp/srv/secret', '/tmp/srv/bound/link')
  lxc('--project', 'open', 'launch', 'busybox', 'o3')
  let running = true
  const swap = (async () => {
    while (running) {
      renameSync('/tmp/srv/bound/share', '/tmp/srv/bound/away')
      renameSync('/tmp/srv/bound/link', '/tmp/srv/bound/share')
      await sleep(1)
      renameSync('/tmp/srv/bound/share', '/tmp/srv/bound/link')
      renameSync('/tmp/srv/bound/away', '/tmp/srv/bound/share')
      await sleep(1)
    }
  })()
  try {
    for (let round = 0; round < 8; round++) assert.notEqual(await readThrough('bound', 'b1'), 'of the host')
    // The control: nothing binds this one, and it is lured out sooner or later.
    let lured = false
    for (let round = 0; round < 60 && !lured; round++) lured = (await readThrough('open', 'o3')) === 'of the host'
    assert.ok(lured)
  } finally {
    running = false
    await swap
  }
})

/** What is in the file of /tmp/srv/bound/share, mounted into an instance; nothing where that is refused. */
async function readThrough(project: string, name: string): Promise<string> {
  const device = ['path=/mnt', 'source=/tmp/srv/bound/share', 'required=false']
  const config = ['--project', project, 'config', 'device']
  const added = await stockLxcLater(...config, 'add', name, 'd', 'disk', ...device)
  if (added.code !== 0) {
    assert.match(added.stderr, /not allowed|Missing source path/)
    return ''
  }
  const read = await stockLxcLater('--project', project, 'exec', name, '--', 'sh', '-c', 'cat /mnt/file || true')
  ok(await stockLxcLater(...config, 'remove', name, 'd'))
  return read.stdout.trim()
}

test('20 clients at once get as many instances as the project may have', async () => {
  makeProject('few', 'restricted=true', 'limits.instances=5')
  const names = Array.from({ length: 20 }, (_, index) => `f${index}`)
  const results = await Promise.all(names.map((name) => stockLxcLater('--project', 'few', 'init', 'busybox', name)))
  const failed = results.filter(({ code }) => code !== 0)
  assert.equal(failed.length, 15)
  for (const { stderr } of failed) assert.match(stderr, /Reached maximum number of instances in project "few"/)
  assert.equal(lxc('--project', 'few', 'list', '--format', 'csv', '-c', 'n').trim().split('\n').length, 5)
})

test('what a killed daemon leaves of a project that is full is as full as before', async () => {
  const refusal = /Reached maximum number of instances/
  await daemon.end('SIGKILL')
  await daemon.start()
  assert.match(refused('--project', 'few', 'init', 'busybox', 'more'), refusal)
  lxc(
    '--project',
    'few',
    'delete',
    lxc('--project', 'few', 'list', '--format', 'csv', '-c', 'n').trim().split('\n')[0] ?? '',
  )
  lxc('--project', 'few', 'init', 'busybox', 'more')
  assert.match(refused('--project', 'few', 'init', 'busybox', 'another'), refusal)
})

test('who administers a project describes it, and does not set it free', async () => {
  const user = { name: 'games', uid: 5, gid: 60 }
  const permissions = [{ entity_type: 'project', url: '/1.0/projects/closed', entitlement: 'admin' }]
  const query = (method: string, path: string, body: object) =>
    ok(stockLxc('query', '--request', method, path, '--data', JSON.stringify(body)))
  query('POST', '/1.0/auth/groups', { name: 'admins', permissions })
  query('POST', '/1.0/auth/identities/unix', { id: `user:${user.name}`, groups: ['admins'] })
  const ask = (body: object): string =>
    runProgram('setpriv', [
      ...[`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--inh-caps=-all', 'curl', '--silent'],
      ...['--unix-socket', '/var/lib/lxd/unix.socket.user', '--request', 'PATCH', 'http://lxd/1.0/projects/closed'],
      ...['--retry', '20', '--retry-all-errors', '--retry-delay', '0', '--data', JSON.stringify(body)],
    ]).stdout
  assert.match(ask({ description: 'mine', config: { 'user.a': 'b' } }), /"status":"Success"/)
  for (const config of [
    { restricted: 'false' },
    { restricted: '' },
    { 'restricted.containers.privilege': 'allow' },
    { 'limits.instances': '100' },
    { 'features.profiles': 'false' },
  ]) {
    assert.match(ask({ config }), /"error_code":403,"error":"not authorized/, JSON.stringify(config))
  }
  const shown = lxc('project', 'show', 'closed')
  assert.match(shown, /description: mine/)
  assert.match(shown, /restricted: "true"/)
  // The control: who runs the server may.
  lxc('project', 'set', 'closed', 'limits.instances', '100')
})
