import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { finish } from '../local-api.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

/** What the names of all others have in them, and nothing else on a machine has. */
const mark = 'zqvictim'

/**
 * Looks for the mark in all that can be read: names of files, what links say, and what is in files. Files that never
 * end are left out, and every batch has its time; the pipes of the kernel's log take what they give away.
 */
const search = `
roots="$*"
skip='( -path /proc/kmsg -o -path */tracing/*trace_pipe* -o -path /proc/*/task/* -o -path /proc/kcore -o -path */zqsearch* )'
set -f
(
  find $roots -name '*${mark}*' 2>/dev/null | sed 's/^/name /'
  find $roots -type l -exec readlink {} + 2>/dev/null | grep -a ${mark} | sed 's/^/link /'
  find $roots $skip -prune -o -type f -print0 2>/dev/null |
    xargs -0 -n 200 -P 2 timeout 10 grep -als -m 1 ${mark} 2>/dev/null | sed 's/^/file /'
) | sort -u
echo searched $(find $roots $skip -prune -o -type f -print 2>/dev/null | wc -l)
`

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  for (const project of [`${mark}-project`, 'finding']) {
    lxc('project', 'create', project, '-c', 'features.profiles=false', '-c', 'features.images=false')
  }
  const source = { type: 'image', alias: 'busybox' }
  const launch = async (name: string, project: string, config: object = {}) => {
    const query = `?project=${project}`
    assert.equal(await finish('POST', `/1.0/instances${query}`, { name, source, config }), '')
    assert.equal(await finish('PUT', `/1.0/instances/${name}/state${query}`, { action: 'start' }), '')
  }
  const others = Array.from({ length: 10 }, (_, at) => `${mark}-${at}`)
  await Promise.all([
    ...others.map((name, at) => launch(name, at % 2 === 0 ? 'default' : `${mark}-project`)),
    launch('finder', 'finding'),
    launch('nested', 'finding', { 'security.nesting': 'true' }),
  ])
  // What the others do that could show: a process, a file that is open and a lock with the name.
  for (const [at, name] of others.entries()) {
    const show = `cp /bin/busybox /tmp/${name}; (flock 9; exec /tmp/${name} sleep 600) 9>/tmp/${name}.lock >/dev/null 2>&1 </dev/null &`
    stockLxc('exec', name, '--project', at % 2 === 0 ? 'default' : `${mark}-project`, '--', 'sh', '-c', show)
  }
})
after(() => daemon.end('SIGTERM'))

const lookIn = (name: string, root = '/'): Result =>
  stockLxc('exec', name, '--project', 'finding', '--', 'sh', '-c', search, 'zqsearch', root)

for (const name of ['finder', 'nested']) {
  test(`nothing that the container "${name}" can read has the name of another or of a project`, () => {
    const { stdout } = lookIn(name)
    const [summary = '', ...found] = stdout.trim().split('\n').toReversed()
    assert.ok(Number(/^searched (\d+)$/.exec(summary)?.[1]) > 2000, `it looked at little: ${summary}`)
    // The search's own command line has the mark in it.
    assert.deepEqual(
      found.filter((line) => !/^(file|name) \/proc\/(\d+|self|thread-self)\/(cmdline|environ|.*cmdline)$/.test(line)),
      [],
    )
  })
}

test('the same search finds them on the host, and in a container that is shown a directory of the host', () => {
  writeFileSync('/tmp/search', search)
  const host = runProgram('sh', [
    '/tmp/search',
    '/proc/self',
    '/sys/fs/cgroup',
    '/var/lib/lxd/devices',
    '/sys/class/net',
  ])
  assert.match(host.stdout, new RegExp(`^name /sys/fs/cgroup/.*${mark}`, 'm'))
  lxc(
    'config',
    'device',
    'add',
    'finder',
    'all',
    'disk',
    'source=/sys/fs/cgroup',
    'path=/mnt',
    'recursive=true',
    '--project',
    'finding',
  )
  assert.match(lookIn('finder', '/mnt').stdout, new RegExp(`^name /mnt/.*${mark}`, 'm'))
  lxc('config', 'device', 'remove', 'finder', 'all', '--project', 'finding')
})
