import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, ourLxc, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

// Users that every Debian has; what they are made for is of no matter here.
const mapped = { user: 'games', uid: 5, gid: 60 }
const byGroup = { user: 'backup', uid: 34, gid: 34 }
const stranger = { user: 'daemon', uid: 1, gid: 1 }
type User = typeof mapped

const socket = '/var/lib/lxd/unix.socket.user'
const ourLxcPath = new URL('../../bin/lxc', import.meta.url).pathname
const daemon = new RealDaemon({ group: 'lxd' })

function as(user: User, program: string, ...args: readonly string[]): Result {
  const configuration = `/tmp/conf-${user.user}`
  if (!existsSync(configuration)) {
    mkdirSync(configuration)
    chownSync(configuration, user.uid, user.gid)
  }
  return runProgram('env', [
    `LXD_CONF=${configuration}`,
    'setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    '--inh-caps=-all',
    program,
    ...args,
  ])
}

/** LXD's client 5.0 has to be told of this socket; ours looks for it. */
const lxc = (user: User, ...args: readonly string[]) => as(user, 'env', `LXD_SOCKET=${socket}`, '/usr/bin/lxc', ...args)

interface Answer {
  readonly code: number
  readonly error: string
  readonly metadata: unknown
}

/** Asks the API as some user of the host, through the socket that is open to all. */
function ask(user: User, path: string, method = 'GET', body = ''): Answer {
  const data = body === '' ? [] : ['--data', body]
  const curl = ['--silent', '--show-error', '--max-time', '20', '--unix-socket', socket, '--request', method, ...data]
  const { stdout, stderr } = as(user, 'curl', ...curl, `http://lxd${path}`)
  if (stdout === '') return { code: 0, error: stderr, metadata: null }
  const { error_code, error, metadata } = JSON.parse(stdout) as {
    error_code: number
    error: string
    metadata: unknown
  }
  return { code: error_code === 0 ? 200 : error_code, error, metadata }
}

const query = (method: string, path: string, body: object = {}) =>
  ok(stockLxc('query', '--request', method, path, '--data', JSON.stringify(body)))
const declare = (id: string, group: string) => query('POST', '/1.0/auth/identities/unix', { id, groups: [group] })

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  ok(stockLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
  ok(stockLxc('project', 'create', 'mine', '-c', 'features.images=false', '-c', 'features.profiles=false'))
  ok(stockLxc('--project', 'mine', 'launch', 'busybox', 'c1'))
  ok(stockLxc('project', 'create', 'theirs'))
  const permissions = [{ entity_type: 'project', url: '/1.0/projects/mine', entitlement: 'operator' }]
  query('POST', '/1.0/auth/groups', { name: 'operators', permissions })
})
after(() => daemon.end('SIGTERM'))

test('there is no socket for everybody until somebody is given something', () => {
  assert.equal(existsSync(socket), false)
  assert.match(as(mapped, '/usr/bin/lxc', 'list').stderr, /permission denied/)
})

test('a user with a role has what the role gives, with the stock client and with ours', async () => {
  declare(`user:${mapped.user}`, 'operators')
  // It is made for root alone first, and opened up when it is complete.
  const mode = () => (existsSync(socket) ? (statSync(socket).mode & 0o777).toString(8) : '')
  for (let tries = 0; mode() !== '666' && tries < 250; tries++) await sleep(20)
  assert.equal(mode(), '666')
  assert.deepEqual(ask(mapped, '/1.0/instances?project=mine').metadata, ['/1.0/instances/c1?project=mine'])
  assert.deepEqual(ask(mapped, '/1.0/projects').metadata, ['/1.0/projects/mine'])
  for (const client of [lxc, (user: User, ...args: readonly string[]) => as(user, ourLxcPath, ...args)]) {
    const listed = client(mapped, '--project', 'mine', 'list', '--format', 'csv', '-c', 'n')
    assert.deepEqual([listed.code, listed.stdout], [0, 'c1\n'])
    const ran = client(mapped, '--project', 'mine', 'exec', 'c1', '--', 'echo', 'hello')
    assert.deepEqual([ran.code, ran.stdout], [0, 'hello\n'], ran.stderr)
  }
})

test('and nothing else: other projects are not there, changes are refused', () => {
  for (const path of ['/1.0/instances?project=theirs', '/1.0/projects/theirs', '/1.0/images?project=theirs']) {
    const { code, error } = ask(mapped, path)
    const missing = ask(mapped, path.replace('theirs', 'absent'))
    assert.deepEqual([code, error.replace('theirs', 'absent')], [missing.code, missing.error], path)
    assert.equal(code, path.includes('images') ? 200 : 404, path)
  }
  const permissions = [{ entity_type: 'server', url: '/1.0', entitlement: 'admin' }]
  for (const [method, path, body] of [
    ['PUT', '/1.0/auth/groups/operators', { permissions }],
    ['POST', '/1.0/auth/groups', { name: 'x', permissions }],
    ['POST', '/1.0/auth/identities/unix', { id: `user:${stranger.user}`, groups: ['operators'] }],
    ['GET', '/1.0/auth/groups', {}],
    ['PATCH', '/1.0', { config: { 'user.x': 'y' } }],
    ['POST', '/1.0/projects', { name: 'more' }],
    ['PATCH', '/1.0/projects/mine', { config: { 'user.x': 'y' } }],
    ['POST', '/1.0/profiles?project=mine', { name: 'p' }],
    ['POST', '/1.0/instances?project=mine', { name: 'c', source: { type: 'none' } }],
    ['PUT', '/internal/shutdown', {}],
  ] as const) {
    const { code, error } = ask(mapped, path, method, JSON.stringify(body))
    assert.deepEqual([code, error], [403, 'not authorized'], `${method} ${path}`)
  }
  // The control: nothing but the role makes the difference.
  query('PUT', '/1.0/auth/groups/operators', { permissions })
  assert.equal(ask(mapped, '/1.0/projects', 'POST', '{"name":"more"}').code, 200)
  assert.equal(ask(mapped, '/1.0/instances?project=theirs').code, 200)
  query('PUT', '/1.0/auth/groups/operators', {
    permissions: [{ entity_type: 'project', url: '/1.0/projects/mine', entitlement: 'operator' }],
  })
  assert.equal(ask(mapped, '/1.0/instances?project=theirs').code, 404)
})

test('what an operator has started is theirs to see and to stop, and what others have is not theirs to stop', () => {
  const command = JSON.stringify({ command: ['sleep', '600'], 'record-output': false, interactive: false })
  const path = '/1.0/instances/c1/exec?project=mine'
  const started = (stdout: string) => (JSON.parse(stdout) as { operation: string }).operation
  const curl = ['--silent', '--unix-socket', socket, '--request', 'POST', '--data', command, `http://lxd${path}`]
  const own = started(as(mapped, 'curl', ...curl).stdout)
  const other = started(runProgram('curl', curl).stdout)
  assert.equal(ask(mapped, own).code, 200)
  assert.equal(ask(mapped, other).code, 200)
  assert.deepEqual(ask(mapped, other, 'DELETE').error, 'not authorized')
  assert.equal(ask(mapped, own, 'DELETE').error.includes('not authorized'), false)
  // The control: who manages the project may.
  const root = { user: 'root', uid: 0, gid: 0 }
  assert.equal(ask(root, other, 'DELETE').error.includes('not authorized'), false)
})

test('a user without a role is told so and hung up on, whatever they ask for', () => {
  for (const path of ['/', '/1.0', '/1.0/images', '/1.0/instances', '/1.0/auth/identities/current', '/nonsense']) {
    assert.equal(ask(stranger, path).code === 200, false, path)
  }
  const { stdout } = as(stranger, 'curl', '--silent', '--include', '--unix-socket', socket, 'http://lxd/1.0')
  assert.match(stdout, /^HTTP\/1\.1 403 /)
  assert.match(stdout, /^connection: close\r$/im)
  assert.match(lxc(stranger, 'list').stderr, /not authorized/)
  // The control: the same user, declared.
  declare(`uid:${stranger.uid}`, 'operators')
  assert.equal(ask(stranger, '/1.0/instances?project=mine').code, 200)
  query('DELETE', `/1.0/auth/identities/unix/uid:${stranger.uid}`)
  assert.equal(ask(stranger, '/1.0/instances?project=mine').code, 403)
})

test('a group of the host counts for who is in it, by its name', () => {
  declare(`group:${byGroup.user}`, 'operators')
  assert.equal(ask(byGroup, '/1.0/instances?project=mine').code, 200)
  assert.equal(ask(stranger, '/1.0/instances?project=mine').code, 403)
  const member = runProgram('setpriv', [
    `--reuid=${stranger.uid}`,
    `--regid=${stranger.gid}`,
    `--groups=${byGroup.gid}`,
    '--inh-caps=-all',
    ...['curl', '--silent', '--unix-socket', socket, 'http://lxd/1.0/instances?project=mine'],
  ])
  assert.match(member.stdout, /"type":"sync"/)
  query('DELETE', `/1.0/auth/identities/unix/group:${byGroup.user}`)
  assert.equal(ask(byGroup, '/1.0/instances?project=mine').code, 403)
})

test('root and group lxd are administrators on this socket, too', () => {
  const lxd = Number(execFileSync('getent', ['group', 'lxd'], { encoding: 'utf8' }).split(':')[2])
  const asks = ['curl', '--silent', '--unix-socket', socket, 'http://lxd/1.0/auth/groups']
  assert.match(runProgram(asks[0]!, asks.slice(1)).stdout, /"type":"sync"/)
  const who = [`--reuid=${stranger.uid}`, `--regid=${stranger.gid}`, '--inh-caps=-all']
  assert.match(runProgram('setpriv', [...who, `--groups=${lxd}`, ...asks]).stdout, /"type":"sync"/)
  assert.match(runProgram('setpriv', [...who, '--clear-groups', ...asks]).stdout, /not authorized/)
})

test('a user who opens as many connections as they can keeps nobody out', async () => {
  // Each says nothing and waits; the program tells how many were left open.
  const hold = `
    const { connect } = require('node:net'); let open = 0
    for (let i = 0; i < 2000; i++) {
      const s = connect(${JSON.stringify(socket)})
      s.on('connect', () => open++); s.on('close', () => open--); s.on('error', () => {})
    }
    setTimeout(() => console.log(open), 2000); setTimeout(() => {}, 60_000)`
  const who = (user: User) => [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--inh-caps=-all']
  const start = (user: User) => spawn('setpriv', [...who(user), process.execPath, '-e', hold], { stdio: 'pipe' })
  const [nobody, user] = [start(stranger), start(mapped)]
  const left = async ({ stdout }: typeof nobody) => {
    for await (const text of stdout) return Number(String(text))
    return undefined
  }
  try {
    assert.deepEqual(await Promise.all([left(nobody), left(user)]), [4, 256])
    const other = ask({ user: 'root', uid: 0, gid: 0 }, '/1.0/instances')
    assert.equal(other.code, 200)
    declare(`user:${byGroup.user}`, 'operators')
    assert.equal(ask(byGroup, '/1.0/instances?project=mine').code, 200)
    query('DELETE', `/1.0/auth/identities/unix/user:${byGroup.user}`)
  } finally {
    nobody.kill('SIGKILL')
    user.kill('SIGKILL')
  }
})

test('what is taken from a user is gone on connections they have open', async () => {
  const events = `
    const { Agent, request } = require('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const get = (path) => new Promise((resolve, reject) => {
      request({ socketPath: ${JSON.stringify(socket)}, path, agent }, (response) => {
        response.resume(); response.on('end', () => resolve(response.statusCode))
      }).on('error', reject).end()
    })
    const upgrade = request({ socketPath: ${JSON.stringify(socket)}, path: '/1.0/events?project=mine', headers: {
      connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64') } })
    upgrade.on('upgrade', async (response, stream) => {
      stream.on('close', async () => {
        console.log('closed', await get('/1.0/instances?project=mine')); process.exit()
      })
      stream.resume()
      console.log('open', await get('/1.0/instances?project=mine'))
    }).end()
    setTimeout(() => { console.log('still open'); process.exit() }, 10_000)`
  const who = [`--reuid=${mapped.uid}`, `--regid=${mapped.gid}`, '--clear-groups', '--inh-caps=-all']
  const child = spawn('setpriv', [...who, process.execPath, '-e', events], { stdio: ['ignore', 'pipe', 'inherit'] })
  // Somebody else keeps the socket open.
  declare(`user:${byGroup.user}`, 'operators')
  const said: string[] = []
  for await (const text of child.stdout) {
    said.push(String(text).trim())
    if (said.length > 1) continue
    // Something else changes, and the connection stays.
    query('PATCH', '/1.0/auth/groups/operators', { description: 'still the same' })
    await sleep(200)
    query('PUT', `/1.0/auth/identities/unix/user:${mapped.user}`, { groups: [] })
  }
  assert.deepEqual(said, ['open 200', 'closed 403'])
  query('DELETE', `/1.0/auth/identities/unix/user:${byGroup.user}`)
})

test('a command that runs by a right that is withdrawn is cut off', async () => {
  query('PUT', `/1.0/auth/identities/unix/user:${mapped.user}`, { groups: ['operators'] })
  for (let tries = 0; !existsSync(socket) && tries < 100; tries++) await sleep(20)
  const who = [`--reuid=${mapped.uid}`, `--regid=${mapped.gid}`, '--clear-groups', '--inh-caps=-all']
  const exec = ['--project', 'mine', 'exec', 'c1', '-t', '--', 'sh', '-c', 'echo begun; sleep 543']
  const env = { PATH: process.env['PATH'], LXD_SOCKET: socket, LXD_CONF: `/tmp/conf-${mapped.user}` }
  const child = spawn('setpriv', [...who, '/usr/bin/lxc', ...exec], { stdio: ['pipe', 'pipe', 'ignore'], env })
  const isRunning = () => runProgram('pgrep', ['-f', 'sleep 543']).code === 0
  for await (const text of child.stdout) if (String(text).includes('begun')) break
  // The control: it goes on while nothing changes.
  await sleep(300)
  assert.equal(isRunning(), true)
  query('PUT', `/1.0/auth/identities/unix/user:${mapped.user}`, { groups: [] })
  for (let tries = 0; isRunning() && tries < 250; tries++) await sleep(20)
  assert.equal(isRunning(), false)
  child.kill()
})

test('the socket goes with the last role, and is not left by a daemon that was killed', async () => {
  for (let tries = 0; existsSync(socket) && tries < 100; tries++) await sleep(20)
  assert.equal(existsSync(socket), false)
  query('PUT', `/1.0/auth/identities/unix/user:${mapped.user}`, { groups: ['operators'] })
  for (let tries = 0; !existsSync(socket) && tries < 100; tries++) await sleep(20)
  await daemon.end('SIGKILL')
  assert.ok(lstatSync(socket).isSocket())
  await daemon.start()
  assert.equal(ask(mapped, '/1.0/instances?project=mine').code, 200)
  ok(ourLxc('query', '--request', 'DELETE', '/1.0/auth/groups/operators'))
  for (let tries = 0; existsSync(socket) && tries < 100; tries++) await sleep(20)
  assert.equal(existsSync(socket), false)
})
