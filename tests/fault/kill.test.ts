import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const rounds = Number(process.env['LXD_KILL_ROUNDS'] ?? '100')
const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

interface Work {
  /** What comes before, undisturbed. */
  readonly given?: readonly (readonly string[])[]
  /** What is going on while the daemon is killed: one after the other, each allowed to fail. */
  readonly during: readonly (readonly string[])[]
}

const works: readonly Work[] = [
  { during: [['launch', 'busybox', 'victim']] },
  { given: [['init', 'busybox', 'victim']], during: [['start', 'victim']] },
  { given: [['launch', 'busybox', 'victim']], during: [['stop', '-f', 'victim']] },
  { given: [['launch', 'busybox', 'victim']], during: [['delete', '-f', 'victim']] },
  { during: [['init', 'busybox', 'victim']] },
  { given: [['launch', 'busybox', 'victim']], during: [['restart', '-f', 'victim']] },
  { during: [['image', 'import', imageFile('busybox'), '--alias', 'second', '--public']] },
  {
    during: [
      ['launch', 'busybox', 'victim', '--ephemeral'],
      ['stop', 'victim'],
    ],
  },
  {
    given: [['init', 'busybox', 'victim', '-c', 'security.privileged=true']],
    during: [
      ['start', 'victim'],
      ['config', 'set', 'victim', 'limits.memory=32MiB'],
    ],
  },
  {
    given: [['init', 'busybox', 'victim']],
    during: [
      ['rename', 'victim', 'other'],
      ['rename', 'other', 'victim'],
    ],
  },
  {
    given: [['launch', 'busybox', 'victim']],
    during: [
      ['config', 'device', 'override', 'victim', 'eth0', 'security.port_isolation=true'],
      ['config', 'device', 'add', 'victim', 'eth1', 'nic', 'network=lxdbr0'],
    ],
  },
]

/** Runs commands as a client would that doesn't know what is to come. */
async function attempt(commands: Work['during']): Promise<void> {
  for (const command of commands) {
    const child = spawn('/usr/bin/lxc', command, {
      stdio: 'ignore',
      env: { ...process.env, LXD_CONF: '/tmp/lxc-conf' },
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await once(child, 'exit')
    clearTimeout(timer)
  }
}

/** What there is on the host because of instances. */
function traces(): Record<string, unknown> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith('/var/lib/lxd/') && path !== '/var/lib/lxd/storage-pools/default')
  const links = readdirSync('/sys/class/net').toSorted()
  const monitors = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid))
    .filter((line) => line.startsWith('[lxc monitor]') || line.startsWith('lxc-start') || line.startsWith('dnsmasq'))
    .toSorted()
  return {
    mounts: mounts.toSorted(),
    links,
    monitors,
    cgroups: ok(runProgram('find', ['/sys/fs/cgroup/', '-name', 'lxc.*', '-type', 'd']))
      .split('\n')
      // liblxc keeps one called "lxc.pivot" for all of them.
      .filter((path) => !/\/lxc\.(payload|monitor)\.witness\/|\/lxc\.pivot$/.test(path))
      .toSorted(),
    nft: ok(runProgram('nft', ['list', 'ruleset'])),
    containers: visible('containers'),
    volumes: visible('storage-pools/default/containers'),
    hosts: visible('networks/lxdbr0/dnsmasq.hosts'),
    logs: visible('logs'),
    notes: [...visible('monitors'), ...visible('monitors/ended')],
    devices: visible('devices'),
    profiles: visible('security/seccomp'),
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** What a directory below LXD_DIR has, but for names that start with a dot, which are of things being made. */
function visible(path: string): string[] {
  const directory = `/var/lib/lxd/${path}`
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .toSorted()
}

const hostname = (name: string) => lxc('exec', name, '--', 'hostname')

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'witness')
})
after(() => daemon.end('SIGTERM'))

test(`a daemon killed at ${rounds} random moments loses and leaks nothing, and its containers never notice`, async () => {
  const witness = lxc('list', 'witness', '--format=csv', '-c', 'p').trim()
  const before = traces()
  let seed = 20_26
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31

  for (let round = 0; round < rounds; round++) {
    const { given = [], during } = works[round % works.length] as Work
    for (const command of given) lxc(...command)
    const working = attempt(during)
    await sleep(random() * 250 * during.length)
    await daemon.end('SIGKILL')
    await working
    // Now and then it is killed while it repairs.
    if (round % 4 === 0) {
      daemon.launch()
      await sleep(200 + random() * 300)
      await daemon.end('SIGKILL')
    }
    await daemon.start()

    const about = `round ${round}: ${during.map((command) => command.join(' ')).join('; ')}`
    assert.equal(lxc('list', 'witness', '--format=csv', '-c', 'p').trim(), witness, about)
    const names = lxc('list', '--format=csv', '-c', 'n').trim().split('\n').toSorted()
    assert.ok(
      names.every((name) => ['other', 'victim', 'witness'].includes(name)),
      about,
    )
    const now = traces()
    assert.deepEqual(now['containers'], names, about)
    assert.deepEqual(now['volumes'], names, about)

    // What is left is whole: it starts, answers, and goes without a trace.
    if (names.includes('other')) lxc('rename', 'other', 'victim')
    if (names.length > 1) {
      // One that ran is being started by the daemon.
      const { code, stderr } = stockLxc('start', 'victim')
      if (code !== 0) assert.match(stderr, /already running/, about)
      assert.equal(hostname('victim'), 'victim\n', about)
      lxc('delete', '-f', 'victim')
    }
    if (lxc('image', 'list', '--format=csv', '-c', 'l').includes('second')) lxc('image', 'alias', 'delete', 'second')
    assert.deepEqual(traces(), before, about)
    assert.equal(hostname('witness'), 'witness\n', about)
  }
})
