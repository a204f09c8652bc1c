import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { imageFile } from '../image.ts'
import { call, finish, socketPath } from '../local-api.ts'
import type { LocalAnswer } from '../local-api.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon({ group: 'lxd' })
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'secretive')
  lxc('launch', 'busybox', 'curious')
})
after(() => daemon.end('SIGTERM'))

/** Connects to an operation's websocket; the status it is refused with, or 101. */
async function knock(operation: string, secret: string): Promise<{ status: number; socket: WebSocket }> {
  const socket = new WebSocket(`ws+unix://${socketPath}:${operation}/websocket?secret=${encodeURIComponent(secret)}`)
  const { promise, resolve } = Promise.withResolvers<number>()
  socket.on('open', () => resolve(101))
  socket.on('unexpected-response', (_, response) => {
    resolve(response.statusCode ?? 0)
    socket.terminate()
  })
  socket.on('error', () => resolve(0))
  return { status: await promise, socket }
}

test('the secrets of a command are told to its starter only, and each opens one websocket once', async () => {
  const events: string[] = []
  const listening = new WebSocket(`ws+unix://${socketPath}:/1.0/events`)
  listening.on('message', (data: Buffer) => events.push(data.toString()))
  await once(listening, 'open')

  const command = { command: ['cat'], 'wait-for-websocket': true }
  const started = await call('POST', '/1.0/instances/secretive/exec', command)
  const other = await call('POST', '/1.0/instances/curious/exec', command)
  const secretsOf = ({ metadata }: LocalAnswer) =>
    (metadata as { metadata: { fds: Record<'0' | '1' | '2' | 'control', string> } }).metadata.fds
  const secrets = secretsOf(started)
  assert.equal(new Set(Object.values(secrets)).size, 4)

  const overheard = [
    await call('GET', '/1.0/operations?recursion=1'),
    await call('GET', started.operation),
    await call('GET', `${started.operation}/wait?timeout=0`),
    events,
  ].map((one) => JSON.stringify(one))
  for (const text of overheard) {
    // The control: the operation itself is in there.
    assert.ok(text.includes(started.operation.replace('/1.0/operations/', '')))
    for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret))
  }
  listening.terminate()

  for (const wrong of ['', 'wrong', secretsOf(other)['0'], secrets['0'].slice(0, -1), `${secrets['0']}0`]) {
    assert.ok([400, 403, 404].includes((await knock(started.operation, wrong)).status), `"${wrong}" was taken`)
  }
  const first = await knock(started.operation, secrets['0'])
  assert.equal(first.status, 101)
  assert.ok([400, 403, 404].includes((await knock(started.operation, secrets['0'])).status))
  first.socket.terminate()
  const { socket } = await knock(other.operation, secretsOf(other)['0'])
  socket.terminate()
})

/** What a hostile text wants to bring in: a line of its own for liblxc or dnsmasq. */
const line = '\nlxc.hook.pre-start = /bin/pwned\ndhcp-script=/bin/pwned\n'
const source = { type: 'none' }
const nic = { type: 'nic', network: 'lxdbr0' }

const hostileInstances: Readonly<Record<string, object>> = {
  'a line in the name': { name: `x${line}` },
  'a path for a name': { name: '../x' },
  'a name with a slash': { name: 'a/b' },
  'an option for a name': { name: '-x' },
  'a name of two words': { name: 'a b' },
  'a line in the environment': { config: { 'environment.A': `b${line}` } },
  'a carriage return in the environment': { config: { 'environment.A': 'b\rlxc.hook.pre-start = /bin/pwned' } },
  'a line in the name of a variable': { config: { [`environment.A${line}`]: 'b' } },
  'a line in a size': { config: { 'limits.memory': `64MiB${line}` } },
  'a line in a CPU set': { config: { 'limits.cpu': `0${line}` } },
  'a line in a boolean': { config: { 'security.nesting': `true${line}` } },
  'a line in a kernel limit': { config: { 'limits.kernel.nofile': `100${line}` } },
  'a line in the name of a kernel limit': { config: { [`limits.kernel.nofile${line}`]: '100' } },
  'a line in a sysctl': { config: { 'linux.sysctl.net.ipv4.ip_forward': `1${line}` } },
  'a line in the name of a sysctl': { config: { [`linux.sysctl.net${line}`]: '1' } },
  'a line in an id map': { config: { 'raw.idmap': `both 0 0${line}` } },
  'a map of its own': { config: { 'volatile.idmap.current': '[{"Isuid":true,"Isgid":true,"Hostid":0,"Nsid":0}]' } },
  'a line in a volatile address': { config: { 'volatile.eth0.hwaddr': `00:16:3e:00:00:01${line}` } },
  'a line in a volatile name': { config: { 'volatile.eth0.name': `eth0${line}` } },
  'a line in the volatile name of the other end': { config: { 'volatile.eth0.host_name': `veth0${line}` } },
  'a line in the name of a device': { devices: { [`eth1${line}`]: nic } },
  'a path for the name of a device': { devices: { '../../eth1': nic } },
  'a line in a MAC address': { devices: { eth0: { ...nic, hwaddr: `00:16:3e:00:00:01${line}` } } },
  'an option behind a MAC address': { devices: { eth0: { ...nic, hwaddr: '00:16:3e:00:00:01,set:pwned' } } },
  'a line in an interface name': { devices: { eth0: { ...nic, name: `eth0${line}` } } },
  'a line in the name of the other end': { devices: { eth0: { ...nic, host_name: `veth0${line}` } } },
  'an option for the name of the other end': { devices: { eth0: { ...nic, host_name: '-all' } } },
  'a line in an address': { devices: { eth0: { ...nic, 'ipv4.address': `10.0.0.2${line}` } } },
  'a line in a route': { devices: { eth0: { ...nic, 'ipv4.routes': `10.1.0.0/16${line}` } } },
  'a line in an MTU': { devices: { eth0: { type: 'nic', nictype: 'bridged', parent: 'lxdbr0', mtu: `1500${line}` } } },
  'a line in a parent': { devices: { eth0: { type: 'nic', nictype: 'bridged', parent: `lxdbr0${line}` } } },
  'a line in a path': { devices: { d: { type: 'disk', source: '/tmp', path: `/mnt${line}` } } },
  'a line in a source': { devices: { d: { type: 'disk', source: `/tmp${line}`, path: '/mnt' } } },
  'a path that leaves': { devices: { d: { type: 'disk', source: '/tmp', path: '/../../etc' } } },
}

/** All that liblxc and dnsmasq are told. */
function told(): string {
  const logs = readdirSync('/var/lib/lxd/logs').map((name) => `/var/lib/lxd/logs/${name}/lxc.conf`)
  const network = '/var/lib/lxd/networks/lxdbr0'
  const hosts = readdirSync(`${network}/dnsmasq.hosts`).map((name) => `${network}/dnsmasq.hosts/${name}`)
  return [...logs, ...hosts, `${network}/dnsmasq.raw`].map((path) => readFileSync(path, 'utf8')).join('')
}

test('no text of an instance becomes a line for liblxc or dnsmasq', async (t) => {
  for (const [what, hostile] of Object.entries(hostileInstances)) {
    await t.test(what, async () => {
      const name = (hostile as { name?: string }).name ?? 'hostile'
      const url = `/1.0/instances/${encodeURIComponent(name)}`
      const refused = await finish('POST', '/1.0/instances', { name: 'hostile', source, ...hostile })
      if (refused === '') {
        // Not everything needs to be refused: what is dropped, or only kept, does no harm.
        await finish('PUT', `${url}/state`, { action: 'start' })
        assert.doesNotMatch(told(), /pwned/)
        await finish('PUT', `${url}/state`, { action: 'stop', force: true })
        assert.equal(await finish('DELETE', url), '')
        assert.match(what, /volatile|map of its own/, 'taken')
      }
      if ('config' in hostile || 'devices' in hostile) {
        const changed = await finish('PATCH', '/1.0/instances/curious', hostile)
        assert.notEqual(changed, '', 'taken by PATCH')
        const profile = await finish('POST', '/1.0/profiles', { name: 'hostile', ...hostile })
        if (profile === '') await finish('DELETE', '/1.0/profiles/hostile')
        else assert.doesNotMatch(profile, /^Internal/)
      }
      assert.doesNotMatch(told(), /pwned/)
      for (const row of told().split('\n')) assert.match(row, /^$|^lxc\.[\w.:@/-]+ = |^00:16:3e:[0-9a-f:]{8}(,|$)/)
    })
  }
  // The control: harmless texts do get there.
  const harmless = {
    name: 'harmless',
    source: { type: 'image', alias: 'busybox' },
    config: { 'environment.A': 'harmless text = "quoted"' },
    devices: { eth0: { ...nic, hwaddr: '00:16:3e:00:00:01', name: 'net0', host_name: 'harmless0' } },
  }
  assert.equal(await finish('POST', '/1.0/instances', harmless), '')
  assert.equal(await finish('PUT', '/1.0/instances/harmless/state', { action: 'start' }), '')
  for (const part of ['A=harmless text = "quoted"', 'net0', 'harmless0', '00:16:3e:00:00:01,harmless']) {
    assert.ok(told().includes(part), part)
  }
  assert.equal(
    lxc('exec', 'harmless', '--', 'sh', '-c', 'tr "\\0" "\\n" </proc/1/environ | grep ^A='),
    'A=harmless text = "quoted"\n',
  )
  lxc('delete', '-f', 'harmless')
})

test('no text of a network or a project becomes a line, a path or an option', async () => {
  const networks = [
    { name: `br1${line}` },
    { name: '../br1' },
    { name: '-br1' },
    { name: 'br1', config: { 'dns.domain': `lxd${line}` } },
    { name: 'br1', config: { 'dns.domain': 'lxd,pwned' } },
    { name: 'br1', config: { 'ipv4.address': '10.9.8.1/24', 'ipv4.dhcp.ranges': `10.9.8.2-10.9.8.9${line}` } },
    { name: 'br1', config: { 'ipv4.address': `10.9.8.1/24${line}` } },
    { name: 'br1', config: { 'ipv4.dhcp.expiry': `1h${line}` } },
    { name: 'br1', config: { 'bridge.hwaddr': `00:16:3e:00:00:01${line}` } },
  ]
  for (const network of networks) {
    assert.notEqual(await finish('POST', '/1.0/networks', { type: 'bridge', ...network }), '', JSON.stringify(network))
  }
  for (const name of [`p${line}`, '../p', 'a/b', '..', '', 'a b', '*', "p'q", 'p_q']) {
    assert.notEqual(await finish('POST', '/1.0/projects', { name }), '', JSON.stringify(name))
  }
  assert.deepEqual(readdirSync('/var/lib/lxd/networks'), ['lxdbr0'])
  assert.doesNotMatch(told(), /pwned/)
})

test('a container sees nothing of the others: no name, no process, no mount, no control group', () => {
  const look = [
    'cat /proc/self/mountinfo /proc/1/mountinfo /proc/self/cgroup /proc/1/cgroup /proc/mounts /proc/cmdline',
    'ls -R /sys/fs/cgroup',
    'cat /proc/[0-9]*/cmdline /proc/[0-9]*/cgroup',
    'hostname; cat /etc/hosts; ls -a / /dev /run /dev/.lxc* /dev/lxd 2>/dev/null',
    'cat /proc/net/dev /proc/net/unix /proc/locks',
    'ls -l /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root',
  ]
  const seen = runProgram('/usr/bin/lxc', ['exec', 'curious', '--', 'sh', '-c', `(${look.join('; ')}) 2>&1`]).stdout
  // The controls: it looked, and the host does see it.
  assert.match(seen, /curious/)
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), /secretive/)
  assert.match(ok(runProgram('find', ['/sys/fs/cgroup/', '-name', '*secretive'])), /secretive/)
  assert.doesNotMatch(seen, /secretive/)
  const processes = lxc('exec', 'curious', '--', 'sh', '-c', 'ls -d /proc/[0-9]*').trim().split('\n')
  assert.ok(processes.length < 12, `${processes.length} processes`)
})

test('a local user can not reach the trees of guests, where files of any owner and mode may be', () => {
  lxc('launch', 'busybox', 'privileged', '-c', 'security.privileged=true')
  lxc('exec', 'privileged', '--', 'sh', '-c', 'cp /bin/busybox /tmp/pwned; chmod 6755 /tmp/pwned; chmod 777 / /tmp')
  const trees = [
    '/var/lib/lxd/containers/privileged/rootfs/tmp/pwned',
    '/var/lib/lxd/storage-pools/default/containers/privileged/rootfs/tmp/pwned',
    ...ok(runProgram('find', ['/var/lib/lxd/storage-pools', '-name', 'pwned']))
      .trim()
      .split('\n'),
    ...ok(runProgram('find', ['/var/lib/lxd/storage-pools', '-path', '*/bin/busybox']))
      .trim()
      .split('\n'),
  ]
  assert.ok(trees.length >= 4, trees.join(' '))
  const member = ok(runProgram('getent', ['group', 'lxd'])).split(':')[2] ?? ''
  for (const path of trees) {
    assert.equal(runProgram('stat', [path]).code, 0, `${path}: not there for root either`)
    for (const groups of ['--clear-groups', `--groups=${member}`]) {
      const user = ['--reuid=65534', '--regid=65534', groups, '--inh-caps=-all', 'stat', path]
      const { code, stderr } = runProgram('setpriv', user)
      assert.notEqual(code, 0, `${path} is there for everyone`)
      assert.match(stderr, /Permission denied/)
    }
  }
  lxc('delete', '-f', 'privileged')
})
