import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const directory = '/var/lib/lxd'
const socket = `${directory}/unix.socket`
const daemon = new RealDaemon({ group: 'lxd' })
const gid = Number(execFileSync('getent', ['group', 'lxd'], { encoding: 'utf8' }).split(':')[2])

interface User {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

const stranger: User = { uid: 65_534, gid: 65_534, groups: [] }
const member: User = { ...stranger, groups: [gid] }

function runAs(user: User, ...command: readonly string[]) {
  const groups = user.groups.length > 0 ? [`--groups=${user.groups.join(',')}`] : ['--clear-groups']
  const who = [`--reuid=${user.uid}`, `--regid=${user.gid}`, ...groups, '--inh-caps=-all']
  return runProgram('setpriv', [...who, ...command])
}

/** Asks the API for the list of instances as some user of the host. */
const askAs = (user: User, at = socket) =>
  runAs(user, 'curl', '--silent', '--show-error', '--max-time', '10', '--unix-socket', at, 'http://lxd/1.0/instances')

const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8)

/** Everything in LXD's directory, without what guests are in. */
function tree(): string[] {
  return [directory, ...globSync(`${directory}/**`)].filter((path) => !path.includes('/rootfs'))
}

before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

test('the socket belongs to root and group lxd, and others have no part in it', () => {
  const { uid, gid: group } = statSync(socket)
  assert.deepEqual([uid, group, modeOf(socket)], [0, gid, '660'])
})

test('a local user without the group gets no connection; with it the same user has the API', () => {
  const refused = askAs(stranger)
  assert.notEqual(refused.code, 0)
  assert.equal(refused.stdout, '')

  // The control: nothing but the group makes the difference.
  assert.match(askAs(member).stdout, /"type":"sync"/)
})

test('a local user can not come to the group by its name, by a group of one that owns nothing, or by user id', () => {
  for (const user of [
    { uid: gid, gid: 65_534, groups: [] },
    { uid: 1, gid: 1, groups: [1, 2, 3, 65_534] },
    { uid: 65_534, gid: 65_534, groups: [0xffff_fffe] },
  ]) {
    const { code, stdout } = askAs(user)
    assert.notEqual(code, 0, JSON.stringify(user))
    assert.equal(stdout, '')
  }
  // The control: as the primary group it counts, too.
  assert.match(askAs({ uid: 1, gid, groups: [] }).stdout, /"type":"sync"/)
})

test('a local user without the group can not look into what the daemon keeps', () => {
  for (const folder of ['audit', 'database', 'images', 'logs', 'snapshots']) {
    for (const user of [stranger, member]) assert.notEqual(runAs(user, 'ls', `${directory}/${folder}`).code, 0, folder)
    // The control: it is there.
    assert.equal(runProgram('ls', [`${directory}/${folder}`]).code, 0)
  }
  assert.notEqual(runAs(stranger, 'ls', directory).code, 0)
  const hidden = ['server.key', 'database/lxd.db'].filter((name) => existsSync(`${directory}/${name}`))
  assert.ok(hidden.length > 0)
  for (const name of hidden) {
    assert.notEqual(runAs(member, 'cat', `${directory}/${name}`).code, 0, name)
    assert.equal(runProgram('cat', [`${directory}/${name}`]).code, 0)
  }
})

test('nothing in the directory can be written by others, or by the group, but the socket', () => {
  const found = tree()
  assert.ok(found.length > 10)
  for (const path of found) {
    const { mode, uid } = lstatSync(path)
    if (path === socket || lstatSync(path).isSymbolicLink()) continue
    assert.equal(mode & 0o022, 0, `${path} ${modeOf(path)}`)
    assert.equal(uid, 0, path)
  }
  for (const user of [stranger, member]) {
    assert.notEqual(runAs(user, 'touch', `${directory}/planted`).code, 0)
    assert.notEqual(runAs(user, 'rm', '-f', socket).code, 0)
    assert.notEqual(runAs(user, 'ln', '-sf', '/etc/passwd', `${directory}/unix.socket`).code, 0)
  }
  assert.ok(lstatSync(socket).isSocket())
})

for (const mask of ['000', '777', '077']) {
  test(`a umask of ${mask} changes no mode`, async () => {
    await daemon.end('SIGTERM')
    const masked = new RealDaemon({ group: 'lxd', through: ['sh', '-c', `umask ${mask}; exec "$0" "$@"`] })
    // From nothing: else the modes are those of the daemon before.
    for (const name of ['audit', 'database', 'logs', 'server.crt', 'server.key']) {
      rmSync(`${directory}/${name}`, { recursive: true, force: true })
    }
    await masked.start()
    try {
      assert.equal(modeOf(socket), '660')
      assert.equal(modeOf(directory), '711')
      assert.equal(modeOf(`${directory}/database`), '700')
      assert.equal(modeOf(`${directory}/server.key`), '600')
      for (const path of tree()) {
        const { mode } = lstatSync(path)
        if (path === socket || lstatSync(path).isSymbolicLink()) continue
        assert.equal(mode & 0o022, 0, `${path} ${modeOf(path)}`)
      }
      assert.notEqual(askAs(stranger).code, 0)
      assert.match(askAs(member).stdout, /"type":"sync"/)
    } finally {
      await masked.end('SIGTERM')
      await daemon.start()
    }
  })
}

/** Starts a daemon that must not come up; gives what it said. */
async function refusedStart(): Promise<string> {
  const before = daemon.log().length
  const other = new RealDaemon({ group: 'lxd' })
  other.launch()
  const ended = other.ended().then(() => true)
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, 30_000, false).unref())
  if (!(await Promise.race([ended, late]))) {
    await other.end('SIGKILL')
    assert.fail('it came up, or hangs')
  }
  return daemon.log().slice(before)
}

test('what is planted at the path of the socket is neither followed nor replaced', async (t) => {
  await daemon.end('SIGTERM')
  assert.equal(existsSync(socket), false)
  const victim = '/var/lib/victim'
  writeFileSync(victim, 'untouched', { mode: 0o644 })
  chmodSync(victim, 0o644)
  const plants: Readonly<Record<string, () => void>> = {
    'a link to a file': () => symlinkSync(victim, socket),
    'a link to nothing': () => symlinkSync('/var/lib/nothing', socket),
    'a file': () => writeFileSync(socket, 'mine'),
    'a FIFO': () => void execFileSync('mkfifo', [socket]),
    'a directory': () => mkdirSync(socket),
    'a device': () => void execFileSync('mknod', [socket, 'c', '1', '3']),
  }
  for (const [what, plant] of Object.entries(plants)) {
    await t.test(what, async () => {
      plant()
      const { ino } = lstatSync(socket)
      assert.match(await refusedStart(), /there is something else than a socket/)
      assert.equal(lstatSync(socket).ino, ino)
      rmSync(socket, { recursive: true })
    })
  }
  assert.deepEqual([readFileSync(victim, 'utf8'), modeOf(victim), statSync(victim).gid], ['untouched', '644', 0])
  assert.equal(existsSync('/var/lib/nothing'), false)

  await t.test('a link to the socket of someone else', async () => {
    const impostor = createServer().listen('/var/lib/impostor')
    await once(impostor, 'listening')
    chmodSync('/var/lib/impostor', 0o600)
    symlinkSync('/var/lib/impostor', socket)
    assert.match(await refusedStart(), /there is something else than a socket/)
    assert.equal(modeOf('/var/lib/impostor'), '600')
    unlinkSync(socket)
    impostor.close()
    await once(impostor, 'close')
  })

  await t.test('a socket at which someone listens', async () => {
    const other = createServer((connection) => connection.destroy()).listen(socket)
    await once(other, 'listening')
    assert.match(await refusedStart(), /LXD is already running/)
    other.close()
    await once(other, 'close')
  })

  await t.test('the control: a socket that nobody listens at is replaced', async () => {
    execFileSync('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(socket)})`])
    chmodSync(socket, 0o777)
    await daemon.start()
    assert.deepEqual([statSync(socket).gid, modeOf(socket)], [gid, '660'])
    assert.notEqual(askAs(stranger).code, 0)
    assert.match(askAs(member).stdout, /"type":"sync"/)
  })
})

test('a second daemon does not take the place of one that runs', async () => {
  assert.match(await refusedStart(), /already running/)
  assert.match(askAs(member).stdout, /"type":"sync"/)
})

/** What systemd does for a socket unit (sd_listen_fds(3)), for a process whose id is the one it says. */
const activate = (pid: string) => `
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("${socket}")
os.chown("${socket}", 0, ${gid})
os.chmod("${socket}", 0o660)
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=${pid}, LISTEN_FDNAMES="unix")
os.execv(sys.argv[1], sys.argv[1:])
`

test('a socket that systemd opened is served as it is, and stays', async () => {
  await daemon.end('SIGTERM')
  const activated = new RealDaemon({ group: 'lxd', through: ['python3', '-c', activate('str(os.getpid())')] })
  await activated.start()
  try {
    assert.equal(modeOf(socket), '660')
    assert.notEqual(askAs(stranger).code, 0)
    assert.match(askAs(member).stdout, /"type":"sync"/)
    // Programs it runs are not told that there is a socket for them.
    const environment = readFileSync(`/proc/${activated.pid}/environ`, 'utf8')
    assert.match(environment, /LISTEN_FDS=1/)
    for (const child of readFileSync(`/proc/${activated.pid}/task/${activated.pid}/children`, 'utf8').split(' ')) {
      if (child !== '') assert.doesNotMatch(readFileSync(`/proc/${child}/environ`, 'utf8'), /LISTEN_FDS/)
    }
  } finally {
    await activated.end('SIGTERM')
  }
  assert.ok(lstatSync(socket).isSocket())
  rmSync(socket)
})

test('a socket that was opened for another process is not taken for ours', async () => {
  const misled = new RealDaemon({ group: 'lxd', through: ['python3', '-c', activate('"1"')] })
  misled.launch()
  await misled.ended()
  // Its own path is taken, by a listener it may not replace; what it was handed it leaves alone.
  assert.match(misled.log().slice(-2000), /already running/)
  rmSync(socket)
  await daemon.start()
})
