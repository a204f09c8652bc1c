import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

// What root inside a container can try against the host and its neighbours, and what comes of it. Each attempt prints
// OUT where it got what it wanted; the same attempt, where the protection is not there, does.

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (name: string, script: string): string => {
  const { stdout, stderr } = stockLxc('exec', name, '--', 'sh', '-c', script)
  return stdout + stderr
}
const onHost = (script: string): string => {
  const { stdout, stderr } = runProgram('sh', ['-c', script])
  return stdout + stderr
}

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'attacker')
  lxc('launch', 'busybox', 'isolated', '-c', 'security.idmap.isolated=true')
  lxc('launch', 'busybox', 'neighbour')
  lxc('launch', 'busybox', 'privileged', '-c', 'security.privileged=true')
})
after(() => daemon.end('SIGTERM'))

const unprivileged = ['attacker', 'isolated']
const all = [...unprivileged, 'privileged']

interface Attempt {
  readonly what: string
  readonly script: string
  /** Who tries. */
  readonly from: readonly string[]
  /** Who gets what is wanted: the host, or a container that is allowed to. */
  readonly control: 'host' | 'privileged' | 'own'
  /** What the control runs, where that is not the same. */
  readonly controlScript?: string
}

/** Writes a file's own content back, which changes nothing where it is let. */
const writeBack = (file: string) => `v=$(cat ${file}) && echo "$v" >${file} && echo OUT`

const attempts: readonly Attempt[] = [
  ...['kernel/core_pattern', 'kernel/panic', 'vm/overcommit_memory', 'fs/file-max', 'kernel/printk'].map(
    (name): Attempt => ({
      what: `write /proc/sys/${name}`,
      script: writeBack(`/proc/sys/${name}`),
      from: all,
      control: 'host',
    }),
  ),
  // What containers have no business with and this machine's root may open, whatever disks there are.
  ...['c 10 237', 'b 7 0'].map((device): Attempt => ({
    what: `open a device of the host by a node of its own (${device})`,
    script: `mkdir -p /tmp/n; mount -t tmpfs none /tmp/n; mknod /tmp/n/node ${device} && (exec 3</tmp/n/node) && echo OUT; umount /tmp/n`,
    from: all,
    control: 'host',
  })),
  {
    what: 'make any node at all',
    script: 'rm -f /tmp/null; mknod /tmp/null c 1 3 && echo OUT',
    from: unprivileged,
    control: 'privileged',
  },
  {
    what: 'see processes of the host or of a neighbour',
    script: 'n=$(ls -d /proc/[0-9]* | wc -l); [ "$n" -gt 12 ] && echo OUT',
    from: all,
    control: 'host',
  },
  {
    what: 'open the root of the host through a process',
    script: '[ -e /proc/1/root/var/lib/lxd/unix.socket ] && echo OUT',
    from: all,
    control: 'host',
  },
  {
    what: 'mount a file system of a disk',
    script: `mkdir -p /tmp/m; mount -t ext4 /dev/vda /tmp/m 2>&1; mount -t debugfs none /tmp/m && echo OUT; umount /tmp/m`,
    from: unprivileged,
    control: 'host',
    controlScript: 'mkdir -p /tmp/m; mount -t debugfs none /tmp/m && echo OUT; umount /tmp/m',
  },
  {
    what: 'set the clock',
    script: `date -s "@$(date +%s)" 2>&1 | grep -q "can't set" || echo OUT`,
    from: all,
    control: 'host',
    // Not even the control is to set the clock of the machine: that the capability is there is what differs.
    controlScript: "[ $((0x$(awk '/CapEff/ {print $2}' /proc/self/status) >> 25 & 1)) = 1 ] && echo OUT",
  },
  {
    what: "read the kernel's messages",
    script: 'dmesg 2>/dev/null | grep -q . && echo OUT',
    from: unprivileged,
    control: 'privileged',
  },
]

for (const { what, script, from, control, controlScript } of attempts) {
  test(`root inside can not ${what}`, () => {
    for (const name of from) {
      const said = inside(name, script)
      assert.doesNotMatch(said, /\bOUT\b/, `from ${name}`)
    }
    const said = control === 'host' ? onHost(controlScript ?? script) : inside('privileged', controlScript ?? script)
    assert.match(said, /\bOUT\b/, 'the control')
  })
}

test('what the kernel has for all is not written, mounted again or not', () => {
  for (const script of [
    'umount /proc/sys/kernel/random/boot_id; echo x >/proc/sys/kernel/random/boot_id && echo OUT',
    'mount -o remount,rw,bind /sys; for f in $(find /sys/power /sys/kernel /sys/module -maxdepth 3 -type f 2>/dev/null | head -300); do (echo x >$f) 2>/dev/null && echo OUT $f; done',
    'mount -t sysfs none /mnt; for f in $(find /mnt/power /mnt/kernel -maxdepth 2 -type f 2>/dev/null | head -300); do (echo x >$f) 2>/dev/null && echo OUT $f; done; umount /mnt',
  ]) {
    for (const name of unprivileged) assert.doesNotMatch(inside(name, script), /\bOUT\b/, `${name}: ${script}`)
  }
  // The control: what belongs to the container itself it can write.
  assert.match(inside('attacker', writeBack('/proc/sys/net/ipv4/ip_forward')), /OUT/)
})

test('a disk that is read-only stays so: it can be neither mounted again nor uncovered', () => {
  ok(runProgram('install', ['-d', '-m', '777', '/tmp/shown']))
  for (const name of unprivileged) {
    const add = (device: string, ...more: readonly string[]) =>
      lxc('config', 'device', 'add', name, device, 'disk', 'source=/tmp/shown', ...more)
    add('cold', 'path=/cold', 'readonly=true')
    lxc('restart', '--force', name)
    add('hot', 'path=/hot', 'readonly=true')
    add('open', 'path=/open')
    const write = (path: string) => `
      touch ${path}/x && echo OUT; mount -o remount,rw,bind ${path}; mount -o remount,rw ${path}; touch ${path}/x && echo OUT
      mkdir -p /tmp/again; mount --bind ${path} /tmp/again; mount -o remount,rw,bind /tmp/again; touch /tmp/again/x && echo OUT
      umount /tmp/again; unshare -m sh -c 'mount -o remount,rw,bind ${path}; touch ${path}/x && echo OUT'`
    for (const path of ['/cold', '/hot']) assert.doesNotMatch(inside(name, write(path)), /\bOUT\b/, `${name}: ${path}`)
    assert.match(inside(name, write('/open')), /\bOUT\b/, 'the control')
    for (const device of ['cold', 'hot', 'open']) lxc('config', 'device', 'remove', name, device)
    ok(runProgram('rm', ['-f', '/tmp/shown/x']))
  }
})

test('the end of a process group runs nothing on the host', () => {
  const script = `
    mkdir -p /tmp/cg; mount -t cgroup -o pids none /tmp/cg; top=/sys/fs/cgroup/pids; [ -e /tmp/cg/cgroup.procs ] && top=/tmp/cg
    mkdir -p $top/ending && echo 1 >$top/ending/notify_on_release && echo NOTIFIES
    for f in $(find /tmp/cg /sys/fs/cgroup -name release_agent); do ${writeBack('$f')}; done; umount /tmp/cg`
  for (const name of all) {
    const said = inside(name, script)
    if (existsSync('/sys/fs/cgroup/pids'))
      assert.match(said, /NOTIFIES/, `the control, from ${name}: the half that harms nobody`)
    assert.doesNotMatch(said, /\bOUT\b/, `from ${name}`)
  }
})

test('no process of a neighbour or of the host is reached by a signal, and none by its number', () => {
  const init = /^PID: (\d+)$/m.exec(lxc('info', 'neighbour'))?.[1] ?? ''
  for (const name of all) {
    inside(name, `for p in ${init} ${process.pid} ${daemon.pid}; do [ $p -gt 40 ] && kill -9 $p; done; kill -9 -1`)
  }
  assert.match(lxc('list', 'neighbour', '-c', 's', '--format', 'csv'), /RUNNING/)
  assert.ok(existsSync(`/proc/${init}`) && existsSync(`/proc/${daemon.pid}`))
  // The control: from outside it is reached.
  assert.equal(runProgram('kill', ['-0', init]).code, 0)
  for (const name of all) if (!lxc('list', name, '-c', 's', '--format', 'csv').includes('RUNNING')) lxc('start', name)
})

test('abstract sockets and keys are those of the container alone', () => {
  const seen = inside('attacker', 'cat /proc/net/unix')
  const host = readFileSync('/proc/net/unix', 'latin1')
  assert.match(host, /@.*\/containers\/neighbour|unix\.socket/)
  assert.doesNotMatch(seen, /containers|unix\.socket/)
  // Keys of other users are not shown; those of the same user of the host are, by a user namespace of one's own.
  assert.doesNotMatch(inside('isolated', 'cat /proc/keys'), /_uid\.(?!0\b)\d/)
})

test('capabilities, seccomp and read-only kernel files are as LXD has them', () => {
  const bounding = (name: string) => BigInt(`0x${/CapBnd:\s*(\w+)/.exec(inside(name, 'cat /proc/1/status'))?.[1]}`)
  const has = (name: string, capability: number) => ((bounding(name) >> BigInt(capability)) & 1n) === 1n
  // sys_module, sys_rawio, sys_time, mac_override, mac_admin
  for (const capability of [16, 17, 25, 32, 33]) {
    assert.ok(!has('privileged', capability), `capability ${capability}`)
    assert.ok(has('attacker', capability), 'within its user namespace')
  }
  for (const name of all) assert.match(inside(name, 'cat /proc/1/status'), /Seccomp:\s*2\n/)
  assert.match(inside('privileged', 'cat /proc/self/mountinfo'), / \/proc\/sys ro,/)
  assert.match(inside('privileged', 'cat /proc/self/mountinfo'), / \/sys ro,/)
})

test('what a container mounts, and what it does to its cgroups, stays inside', () => {
  const directory = mkdtempSync('/tmp/mounts-')
  for (const name of unprivileged) {
    inside(name, `mkdir -p ${directory}; mount -t tmpfs none ${directory}; mount -t tmpfs zqmount /mnt`)
    assert.match(inside(name, 'cat /proc/self/mountinfo'), /zqmount/, 'the control')
  }
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /zqmount/)
  assert.doesNotMatch(inside('neighbour', 'cat /proc/self/mountinfo'), /zqmount/)
})
