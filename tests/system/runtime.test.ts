import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLog } from '#base/log.ts'
import { run } from '#host/run.ts'
import { Liblxc } from '#lxc/liblxc.ts'
import type { ExecOptions, LxcItem, StopTarget } from '#lxc/runtime.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const directory = mkdtempSync(join(tmpdir(), 'runtime '))
const rootfs = join(directory, 'rootfs')
const stopped: [string, StopTarget][] = []
let runtime: Liblxc

function makeRootfs(): void {
  for (const name of ['bin', 'dev', 'proc', 'sys', 'etc', 'root', 'tmp', 'sbin', 'run', 'data']) {
    mkdirSync(join(rootfs, name), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'))
  for (const name of [
    'sh',
    'cat',
    'sleep',
    'true',
    'env',
    'id',
    'pwd',
    'tty',
    'stty',
    'reboot',
    'ls',
    'kill',
    'stat',
  ]) {
    symlinkSync('busybox', join(rootfs, 'bin', name))
  }
  symlinkSync('/bin/busybox', join(rootfs, 'sbin/init'))
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(join(rootfs, 'etc/inittab'), '::respawn:/bin/sleep 1000\n')
}

const config: readonly LxcItem[] = [
  ['lxc.uts.name', 'c1'],
  ['lxc.mount.auto', 'proc:rw sys:rw cgroup:mixed'],
  ['lxc.autodev', '1'],
  ['lxc.tty.max', '0'],
  ['lxc.pty.max', '1024'],
  ['lxc.apparmor.profile', 'unconfined'],
  ['lxc.idmap', 'u 0 100000 65536'],
  ['lxc.idmap', 'g 0 100000 65536'],
  ['lxc.rootfs.path', `dir:${rootfs}`],
  ['lxc.rootfs.options', 'idmap=container'],
]

async function makeRuntime(names: readonly string[] = []): Promise<Liblxc> {
  const made = new Liblxc({ directory, run, log: silentLog })
  made.onStopped((name, target) => stopped.push([name, target]))
  await made.adopt(names)
  return made
}

const command = (...words: string[]): ExecOptions => ({
  name: 'c1',
  command: words,
  env: { PATH: '/bin' },
  uid: 0,
  gid: 0,
  cwd: '/root',
  streams: 'pipes',
})

async function output(options: ExecOptions, input = '') {
  const process = await runtime.exec(options)
  if (options.streams === 'pipes') process.stdin?.end(input)
  const read = (stream: Readable | undefined) => (stream ? text(stream) : '')
  const [code, stdout, stderr] = await Promise.all([process.exit, read(process.stdout), read(process.stderr)])
  return { code, stdout, stderr }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (condition()) return
    await delay(10)
  }
  assert.fail(`Waited in vain for ${what}`)
}

function leftCgroups(): string[] {
  return readdirSync('/sys/fs/cgroup').flatMap((name) =>
    readdirSync(join('/sys/fs/cgroup', name)).filter((entry) => entry.includes('.c1')),
  )
}

before(async () => {
  await chmod(directory, 0o711)
  makeRootfs()
  runtime = await makeRuntime()
})

after(async () => {
  await runtime.kill('c1')
  await runtime.close()
})

test('a container starts, is frozen and thawed, and is killed without a trace', async () => {
  const pid = await runtime.start({ name: 'c1', config })
  assert.equal(runtime.status('c1'), 'running')
  assert.equal(runtime.initPid('c1'), pid)

  await runtime.freeze('c1')
  assert.equal(runtime.status('c1'), 'frozen')
  await runtime.unfreeze('c1')
  assert.equal(runtime.status('c1'), 'running')

  await runtime.freeze('c1')
  await runtime.kill('c1')
  assert.equal(runtime.status('c1'), 'stopped')
  assert.deepEqual(stopped.splice(0), [['c1', 'stop']])
  assert.ok(!existsSync(`/proc/${pid}`))
  assert.deepEqual(leftCgroups(), [])
  assert.deepEqual(readdirSync(join(directory, 'monitors'), { recursive: true }), ['ended'])
})

test('commands get their input, output, user, environment and exit code', async () => {
  await runtime.start({ name: 'c1', config })
  assert.deepEqual(await output(command('sh', '-c', 'cat; echo to errors >&2; exit 3'), 'hello'), {
    code: 3,
    stdout: 'hello',
    stderr: 'to errors\n',
  })
  const env = await output({ ...command('env'), env: { PATH: '/bin', A: 'b c', EMPTY: '' } })
  assert.deepEqual(env.stdout.split('\n').toSorted(), ['', 'A=b c', 'EMPTY=', 'PATH=/bin', 'container=lxc'])
  assert.equal((await output({ ...command('id'), uid: 1000, gid: 1001 })).stdout, 'uid=1000 gid=1001\n')
  assert.deepEqual(await output(command('nothing')), { code: 127, stdout: '', stderr: '' })
  assert.deepEqual(await output(command('/etc/passwd')), { code: 126, stdout: '', stderr: '' })
  assert.equal((await output(command('sh', '-c', 'kill -9 $$'))).code, 137)
  assert.equal((await output(command('sh', '-c', 'kill -TERM $$'))).code, 143)
})

test('commands start in the directory asked for', async () => {
  for (const [cwd, found] of [
    ['/root', '/root'],
    ['/', '/'],
    ['/data', '/data'],
    ['/nothing', '/'],
  ] as const) {
    assert.deepEqual(await output({ ...command('pwd'), cwd }), { code: 0, stdout: `${found}\n`, stderr: '' })
  }
  const elsewhere = { ...command('sh', '-c', 'echo $A; id -u; kill -PIPE $$'), cwd: '/data', uid: 7 }
  assert.deepEqual(await output({ ...elsewhere, env: { PATH: '/bin', A: 'b' } }), {
    code: 141,
    stdout: 'b\n7\n',
    stderr: '',
  })
  assert.deepEqual(await output({ ...command('nothing'), cwd: '/data' }), { code: 127, stdout: '', stderr: '' })
})

test('standard streams are files the user of the command can open, and nothing else is inherited', async () => {
  for (const uid of [0, 1000]) {
    for (const cwd of ['/', '/data']) {
      const options = { ...command('sh', '-c', 'cat /dev/stdin >/dev/stdout; cd /proc/self/fd; echo *'), uid, cwd }
      assert.equal((await output(options, 'hello\n')).stdout, 'hello\n0 1 2 3\n')
    }
  }
})

test('a command gets a terminal of its own', async () => {
  const terminal = { width: 100, height: 30 }
  const one = await output({ ...command('sh', '-c', 'tty; stty size; exit 4'), streams: terminal })
  assert.deepEqual(one, { code: 4, stdout: '/dev/pts/1\r\n30 100\r\n', stderr: '' })
  const other = await output({ ...command('sh', '-c', 'tty; pwd'), streams: terminal, cwd: '/data' })
  assert.deepEqual(other.stdout, '/dev/pts/1\r\n/data\r\n')

  for (const cwd of ['/', '/data']) {
    const script =
      'sleep 0.2; stat -c %u:%g $(tty); trap "stty size; exit 5" WINCH; echo go; while :; do sleep 0.1; done'
    const process = await runtime.exec({ ...command('sh', '-c', script), streams: terminal, uid: 7, gid: 8, cwd })
    assert.ok(process.stdout)
    let seen = ''
    process.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    await until('the command', () => seen.includes('go'))
    process.resize(120, 40)
    assert.equal(await process.exit, 5)
    await until('its size', () => seen.includes('40 120'))
    assert.equal(seen, '7:8\r\ngo\r\n40 120\r\n')
  }
})

test('what is typed at a terminal reaches the command, as text and as signals', async () => {
  const process = await runtime.exec({
    ...command('sh', '-c', 'read a; echo got $a; sleep 100'),
    streams: { width: 80, height: 25 },
  })
  assert.ok(process.stdout)
  let seen = ''
  process.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  process.stdin?.write('hi\r')
  await until('the answer', () => seen.includes('got hi'))
  process.stdin?.write('\u0003')
  assert.equal(await process.exit, 130)
})

test('a lot of output arrives whole, through pipes and terminals', async () => {
  const script =
    'i=0; while [ $i -lt 5000 ]; do echo "line $i ........................................"; i=$((i+1)); done'
  const piped = await output(command('sh', '-c', script))
  assert.equal(piped.stdout.split('\n').length, 5001)
  const typed = await output({ ...command('sh', '-c', script), streams: { width: 80, height: 25 } })
  assert.equal(typed.stdout.replaceAll('\r', ''), piped.stdout)
})

test('signals reach the command, and killing it ends what it started', async () => {
  const script = 'trap "echo caught; exit 9" HUP; echo go; while :; do sleep 0.05; done'
  const process = await runtime.exec(command('sh', '-c', script))
  assert.ok(process.stdout)
  let seen = ''
  process.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  await until('the command', () => seen.includes('go'))
  process.signal(1)
  assert.equal(await process.exit, 9)

  const other = await runtime.exec(command('sh', '-c', 'sleep 600 & echo go; sleep 600'))
  other.stdout?.once('data', () => other.kill())
  assert.equal(await other.exit, 137)
  const left = await output(command('sh', '-c', 'cat /proc/[0-9]*/cmdline'))
  assert.ok(!left.stdout.includes('600'))
})

test('a reboot from inside is told as such, with nothing left running', async () => {
  await output(command('reboot', '-f'))
  await until('the end', () => stopped.length > 0)
  assert.deepEqual(stopped.splice(0), [['c1', 'reboot']])
  assert.equal(runtime.status('c1'), 'stopped')
  assert.deepEqual(leftCgroups(), [])
})

test('a clean shutdown is a stop', async () => {
  await runtime.start({ name: 'c1', config })
  await delay(100)
  runtime.shutdown('c1')
  await until('the end', () => stopped.length > 0)
  assert.deepEqual(stopped.splice(0), [['c1', 'stop']])
})

test('an init that dies and a monitor that is killed are noticed', async () => {
  for (const victim of ['init', 'monitor'] as const) {
    const pid = await runtime.start({ name: 'c1', config })
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    process.kill(victim === 'init' ? pid : Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]), 'SIGKILL')
    await until(`the end by its ${victim}`, () => stopped.length > 0)
    assert.deepEqual(stopped.splice(0), [['c1', 'stop']])
    assert.ok(!existsSync(`/proc/${pid}`))
    assert.deepEqual(leftCgroups(), [])
  }
})

test('a container that cannot start says why and leaves nothing', async () => {
  const broken = config.filter(([key]) => key !== 'lxc.rootfs.path')
  await assert.rejects(
    runtime.start({ name: 'c1', config: [...broken, ['lxc.rootfs.path', `dir:${directory}/none`]] }),
    /Cannot start container "c1": .*No such file or directory/,
  )
  await assert.rejects(
    runtime.start({ name: 'c1', config: [...config, ['lxc.nonsense', '1']] }),
    /Cannot start container/,
  )
  assert.equal(runtime.status('c1'), 'stopped')
  assert.deepEqual(stopped, [])
  assert.deepEqual(leftCgroups(), [])
  assert.deepEqual(readdirSync(join(directory, 'monitors'), { recursive: true }), ['ended'])
})

test('another daemon takes up what runs and hears of what ended meanwhile', async () => {
  const pid = await runtime.start({ name: 'c1', config })
  await runtime.close()
  runtime = await makeRuntime(['c1'])
  assert.equal(runtime.status('c1'), 'running')
  assert.equal(runtime.initPid('c1'), pid)
  assert.equal((await output(command('true'))).code, 0)
  await runtime.freeze('c1')
  await runtime.close()
  runtime = await makeRuntime(['c1'])
  assert.equal(runtime.status('c1'), 'frozen')
  await runtime.unfreeze('c1')

  await runtime.close()
  await output(command('reboot', '-f'))
  await until('its end', () => !existsSync(`/proc/${pid}`))
  runtime = await makeRuntime(['c1'])
  assert.deepEqual(stopped.splice(0), [['c1', 'reboot']])
})

test('another daemon kills what nobody knows and what is half started', async () => {
  const pid = await runtime.start({ name: 'c1', config })
  await runtime.close()
  runtime = await makeRuntime([])
  assert.ok(!existsSync(`/proc/${pid}`))
  assert.deepEqual(leftCgroups(), [])

  const starter = `
    import { Liblxc } from '#lxc/liblxc.ts'
    import { run } from '#host/run.ts'
    const runtime = new Liblxc({ directory: ${JSON.stringify(directory)}, run, log: console })
    await runtime.adopt([])
    console.log('ready')
    await runtime.start({ name: 'c1', config: ${JSON.stringify(config)} })`
  for (let wait = 0; wait <= 50; wait += 5) {
    await runtime.close()
    const daemon = spawn(process.execPath, ['--input-type=module', '-e', starter], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(daemon.stdout, 'data')
    await delay(wait)
    daemon.kill('SIGKILL')
    await once(daemon, 'exit')
    // A child that is not lxc-start yet looks like the daemon it was forked from. No daemon comes up as fast as this test.
    while ((await run('ps', ['ax', '-ww', '-o', 'args'])).stdout.includes('await runtime.adopt([])')) await delay(5)
    runtime = await makeRuntime(['c1'])
    // Either the start was done, and noted, or there is nothing.
    if (runtime.status('c1') === 'running') await runtime.kill('c1')
    assert.equal(runtime.status('c1'), 'stopped')
    stopped.splice(0)
    assert.deepEqual(leftCgroups(), [], `after ${wait} milliseconds`)
    const processes = await run('ps', ['ax', '-o', 'args'])
    assert.doesNotMatch(processes.stdout, /\[lxc monitor\]|^lxc-start/m, `after ${wait} milliseconds`)
  }
})
