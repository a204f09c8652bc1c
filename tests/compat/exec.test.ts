import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, ourLxc, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const clients: readonly (readonly [name: string, run: (...args: readonly string[]) => Result])[] = [
  ['the stock client', stockLxc],
  ['our client', ourLxc],
]
/** Through script(1), which gives the client a terminal. */
const onTerminal = (command: string) =>
  runProgram('script', ['-qec', `/usr/bin/lxc exec c1 -- ${command}`, '/dev/null'])

before(async () => {
  await daemon.start()
  ok(stockLxc('storage', 'create', 'default', 'dir'))
  ok(stockLxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default'))
  ok(stockLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
  ok(stockLxc('launch', 'busybox', 'c1', '-c', 'environment.FROM=instance'))
})
after(() => daemon.end('SIGTERM'))

for (const [name, lxc] of clients) {
  test(`commands have their user, directory, environment and exit code with ${name}`, () => {
    const run = (...args: readonly string[]) => lxc('exec', 'c1', ...args)
    for (const [args, stdout, code] of [
      [['--', 'sh', '-c', 'id -u; id -g; pwd; echo $HOME $USER $FROM'], '0\n0\n/root\n/root root instance\n', 0],
      [['--user=1000', '--group=1001', '--', 'sh', '-c', 'id -u; id -g; pwd; echo $HOME'], '1000\n1001\n/\n\n', 0],
      [['--cwd=/bin', '--', 'pwd'], '/bin\n', 0],
      [['--env=A=b c', '--env=FROM=client', '--', 'sh', '-c', 'echo "$A $FROM"'], 'b c client\n', 0],
      [['--', 'sh', '-c', 'exit 77'], '', 77],
      [['--', 'sh', '-c', 'kill -KILL $$'], '', 137],
      [['--', 'no-such-program'], '', 127],
      [['--', '/etc/passwd'], '', 126],
    ] as const) {
      const result = run(...args)
      assert.deepEqual([result.stdout, result.code], [stdout, code], args.join(' '))
    }
    const errors = run('--', 'sh', '-c', 'echo out; echo err >&2')
    assert.deepEqual([errors.stdout, errors.stderr], ['out\n', 'err\n'])
    assert.match(run('--user=4000000000', '--', 'true').stderr, /no such id/)
  })
}

test('a lot goes in and comes out whole', () => {
  const script = 'head -c 20000000 /dev/urandom >/tmp/a; /usr/bin/lxc exec c1 -- cat </tmp/a | cmp - /tmp/a'
  assert.deepEqual(runProgram('sh', ['-c', script]), { code: 0, stdout: '', stderr: '' })
})

test('a command on a terminal has one of the container, and its exit code', () => {
  const { stdout, code } = onTerminal(`sh -c 'tty; exit 3'`)
  assert.match(stdout, /\/dev\/pts\/\d+\r\n/)
  assert.equal(code, 3)
})

test('a command whose client is killed ends, and holds nothing up', async () => {
  const client = spawn('/usr/bin/lxc', ['exec', 'c1', '--', 'sleep', '4321'], {
    stdio: 'ignore',
    env: { ...process.env, LXD_DIR: '/var/lib/lxd', LXD_CONF: '/tmp/lxc-conf' },
  })
  const sleeps = () => ok(stockLxc('exec', 'c1', '--', 'ps')).includes('sleep 4321')
  for (let tries = 0; !sleeps(); tries++) {
    assert.ok(tries < 50, 'the command did not start')
    await delay(50)
  }
  client.kill('SIGKILL')
  await once(client, 'exit')
  for (let tries = 0; sleeps(); tries++) {
    assert.ok(tries < 50, 'the command runs on')
    await delay(50)
  }
})

test('programs of another architecture do not run where that is denied', () => {
  if (process.arch !== 'x64') return
  // A 32-bit program that exits with 1 where mmap2 is refused with ENOSYS, and with 0 otherwise.
  const code = 'b8c000000031db31c931d231f631ff31edcd8083f8da0f94c30fb6dbb801000000cd80'
  const header =
    '7f454c46010101000000000000000000020003000100000054800408340000000000000000000000340020000100000000000000'
  const size = `${(84 + code.length / 2).toString(16)}000000`
  const segment = `01000000000000000080040800800408${size}${size}0500000000100000`
  const bytes = Buffer.from(header + segment + code, 'hex')
  const write = `printf '${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}' >/tmp/x; chmod +x /tmp/x; /tmp/x`
  assert.equal(stockLxc('exec', 'c1', '--', 'sh', '-c', write).code, 0)
  ok(stockLxc('config', 'set', 'c1', 'security.syscalls.deny_compat=true'))
  ok(stockLxc('restart', '-f', 'c1'))
  assert.equal(stockLxc('exec', 'c1', '--', 'sh', '-c', write).code, 1)
})
