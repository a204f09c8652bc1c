import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { finish } from '../local-api.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (name: string, script: string) => lxc('exec', name, '--', 'sh', '-c', script)

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
after(() => daemon.end('SIGTERM'))

/** The ranges of the host that a container's init has, as the kernel tells them. */
function ranges(name: string): { readonly host: number; readonly count: number }[] {
  const pid = /^PID: (\d+)$/m.exec(lxc('info', name))?.[1] ?? ''
  const lines = readFileSync(`/proc/${pid}/uid_map`, 'latin1').trim().split('\n')
  return lines.map((line) => {
    const [, host = 0, count = 0] = line.trim().split(/\s+/).map(Number)
    return { host, count }
  })
}

test('twenty containers that are made and started at once have ids of their own, as the kernel sees it', async () => {
  const config = { 'security.idmap.isolated': 'true' }
  const source = { type: 'image', alias: 'busybox' }
  const names = Array.from({ length: 20 }, (_, at) => `race${at}`)
  const errors = await Promise.all(
    names.map(async (name, at) => {
      const made = await finish('POST', '/1.0/instances', { name, source, config: at % 5 === 0 ? {} : config })
      return made || (await finish('PUT', `/1.0/instances/${name}/state`, { action: 'start' }))
    }),
  )
  assert.deepEqual(errors.filter(Boolean), [])
  const all = names.map((name, at) => ({ name, shared: at % 5 === 0, ranges: ranges(name) }))
  for (const [at, a] of all.entries()) {
    for (const b of all.slice(at + 1)) {
      const meet = a.ranges.some((x) => b.ranges.some((y) => x.host < y.host + y.count && y.host < x.host + x.count))
      assert.equal(meet, a.shared && b.shared, `${a.name} and ${b.name}`)
    }
  }
  await Promise.all(names.map((name) => finish('PUT', `/1.0/instances/${name}/state`, { action: 'stop', force: true })))
  await Promise.all(names.map((name) => finish('DELETE', `/1.0/instances/${name}`)))
})

for (const pool of ['dir', 'overlay']) {
  test(`on ${pool}, another map changes no owner of a file, neither on disk nor inside`, () => {
    lxc('storage', 'create', `on-${pool}`, pool)
    lxc('init', 'busybox', 'moving', '--storage', `on-${pool}`)
    lxc('start', 'moving')
    inside('moving', 'mkdir /kept; touch /kept/a; chown 1000:1001 /kept/a; touch /kept/root; chmod 4755 /kept/root')
    const onDisk = () => {
      const top = `/var/lib/lxd/storage-pools/on-${pool}`
      return ok(runProgram('find', [top, '-xdev', '-path', '*/kept/*', '-printf', '%f %U:%G %m %C@\n']))
    }
    const first = onDisk()
    assert.match(first, /a 1000:1001 .*\nroot 0:0 4755|root 0:0 4755 .*\na 1000:1001/)
    for (const config of [
      { 'security.idmap.isolated': 'true' },
      { 'security.idmap.base': '9000000' },
      { 'security.idmap.size': '131072' },
      { 'security.privileged': 'true' },
      {
        'security.idmap.isolated': '',
        'security.idmap.base': '',
        'security.idmap.size': '',
        'security.privileged': '',
      },
    ] as readonly Readonly<Record<string, string>>[]) {
      for (const [key, value] of Object.entries(config)) lxc('config', 'set', 'moving', key, value)
      const was = ranges('moving')
      lxc('restart', '--force', 'moving')
      assert.notDeepEqual(ranges('moving'), was, JSON.stringify(config))
      assert.equal(
        inside('moving', "stat -c '%n %u:%g %a' /kept/a /kept/root"),
        '/kept/a 1000:1001 644\n/kept/root 0:0 4755\n',
      )
      // Not even the time of the last change of an owner has moved.
      assert.equal(onDisk(), first)
    }
    lxc('delete', '--force', 'moving')
    lxc('storage', 'delete', `on-${pool}`)
  })
}

test('a user of the host that raw.idmap names is that user, on the files of the host too', () => {
  for (const file of ['subuid', 'subgid']) {
    writeFileSync(`/tmp/${file}`, `${readFileSync(`/etc/${file}`, 'latin1')}root:1000:1\n`)
    ok(runProgram('mount', ['--bind', `/tmp/${file}`, `/etc/${file}`]))
  }
  ok(runProgram('install', ['-d', '-o', '1000', '-g', '1000', '-m', '700', '/tmp/home']))
  lxc('init', 'busybox', 'raw', '-c', 'raw.idmap=both 1000 500')
  lxc('config', 'device', 'add', 'raw', 'home', 'disk', 'source=/tmp/home', 'path=/home')
  lxc('start', 'raw')
  assert.equal(inside('raw', 'stat -c %u:%g /home'), '500:500\n')
  lxc('exec', 'raw', '--user', '500', '--group', '500', '--', 'touch', '/home/mine')
  assert.equal(ok(runProgram('stat', ['-c', '%u:%g', '/tmp/home/mine'])), '1000:1000\n')
  // The control: another user of the container is somebody else to the host.
  assert.notEqual(stockLxc('exec', 'raw', '--user', '501', '--', 'touch', '/home/other').code, 0)
  lxc('restart', '--force', 'raw')
  lxc('delete', '--force', 'raw')
})
