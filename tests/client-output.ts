import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { imageFile } from './image.ts'
import { ok, runProgram, stockLxc, type Result } from './real-daemon.ts'

export const clients = { stock: '/usr/bin/lxc', ours: fileURLToPath(new URL('../bin/lxc', import.meta.url)) }

/**
 * Runs a line with a client: `COMMAND` or `COMMAND < INPUT`, in which `\\n` starts a line. `directory` is where the
 * client keeps its configuration, where that isn't the one all tests share.
 */
export function run(client: string, line: string, directory?: string): Result {
  const [command = '', input = ''] = line.split(/ <(?: |$)/)
  const program = directory === undefined ? [client] : ['env', `LXD_CONF=${directory}`, client]
  return normalise(runProgram(program[0]!, [...program.slice(1), ...words(command)], input.replaceAll('\\n', '\n')))
}

/** Words of a command line: single quotes keep spaces, double quotes as well. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare!)
}

/** What differs between two runs of the same command although nothing is wrong. */
function normalise({ code, stdout, stderr }: Result): Result {
  return { code, stdout: withoutNoise(stdout), stderr: withoutNoise(stderr) }
}

function withoutNoise(text: string): string {
  return (
    text
      // The stock client draws its progress even where nobody sees it.
      .replaceAll(/\r[^\n]*\r/g, '')
      .replaceAll('\r', '')
      .replaceAll(/^(?:Retrieving image|Transferring image|Exporting the image|Remapping container).*$\n?/gm, '')
      .replaceAll(/^ +$\n?/gm, '')
      .replaceAll(/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/g, 'UUID')
      .replaceAll(/\b00:16:3e(?::[\da-f]{2}){3}\b/g, 'MAC')
      // What a container uses moves on between two looks.
      .replaceAll(/"?\b(?:(?:swap_)?usage(?:_peak)?|(?:bytes|packets)_\w+|errors_\w+|processes)"?: ?\d+/g, 'AMOUNT')
      .replaceAll(/\bveth[\da-f]{8}\b/g, 'VETH')
      .replaceAll(/\b\d{4}([-/])\d\d\1\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?/g, 'TIME')
      .replaceAll(/\b[A-Z][a-z]{2} \d{1,2}, \d{4} at \d{1,2}:\d\d[ap]m/g, 'TIME')
      // It is a matter of luck whether the stock client still gets to say this.
      .replaceAll(/^(?:\S+: )?Try `lxc info --show-log .*$\n?/gm, '')
  )
}

/** Questions about a state that stays as it is: both clients have to give the same answer. */
export const questions: readonly string[] = `
list
list -f csv
list -f json
list -f yaml
list -f compact
list --fast
list -c nsabcdlPftS4e
list -c n,user.owner:WHO:3,image.os,devices:eth0.network:NET:2,volatile.eth0.hwaddr
list --all-projects -c nse
list c1
list 'c.*'
list user.owner=ann
list u.o=ann
list type=container status=running
list nope:
list -c Q
list -c n,,s
list -c foo.bar
list -f xml
list --project nope
config show c1
config show c1 --expanded
config show
config show nope
config get c1 user.owner
config get c1 nope
config get c1 image.os -e
config get nope x
config device list c1
config device show c1
config device get c1 eth0 network
config device get c1 nope type
info nope
info local:
profile list
profile list -f csv
profile list -f json
profile list -f yaml
profile show default
profile show nope
profile get default x
profile device show default
profile device get default root path
network list
network list -f csv
network show lxdbr0
network show nope
network get lxdbr0 ipv4.address
storage list
storage list -f csv
storage show default
storage get default source
storage show nope
image list
image list -c lLfFpdasut
image list -f csv
image list -f json
image list -f yaml
image list os=nothing
image show busybox
image show nope
image get-property busybox os
image get-property busybox nope
image alias list
image alias list -f csv
image alias list -f json
project list
project list -f csv
project show default
project show nope
remote list
remote list -f csv
remote get-default
alias list
operation show nope
warning list
warning list -a -f csv
warning list -f json
warning list -f yaml
warning list -c uL
warning list -c Q
warning show nope
warning ack nope
warning delete nope
version
version nope:
query /1.0/instances
query /1.0/instances/c1
query /1.0/profiles/default
query /1.0/nope
query 1.0
query --raw /1.0/profiles
exec c1 -- true
exec c1 -- false
exec c1 -- sh -c 'echo out; echo err >&2; exit 5'
exec c1 nope
exec c1 /etc/passwd
exec c1 --cwd /tmp --env 'A=b c' --user 5 --group 6 -- sh -c 'pwd; echo $A; id -u; id -g'
exec c1 -T -- tty
exec nope true
exec c1 -t -T true
shell c1 -- -c 'id -u'
--version
nothing-like-this
list --nope
list -Z
list --format
profile nope
rename c1
delete
profile
delete nope
start nope
stop nope
restart nope
config set c1 user.owner
config unset c1 nope
config device set c1 nope a=b
config device add c1 root
config device add c1 d none foo
config device override c1 nope
config device remove c1 nope
profile add nope default
profile remove c1 nope
init nope c9
init busybox c9 -d nope,a=b
init busybox c9 -d root,size
init busybox c9 -c foo
init busybox c9 --vm
init busybox c9 -n nope
init busybox c9 -s nope
init nope:busybox c9
network detach lxdbr0 nope
network create n1 foo
storage create s1 dir foo
project create p1 -c foo
image import /nope.tar
image delete nope
image export nope
monitor --format foo
monitor --loglevel=info
`
  .trim()
  .split('\n')

/** Changes that take each other back: both clients make them, one after the other, and have to say the same. */
export const changes: readonly string[] = `
init busybox t1
list -c nst
config set t1 user.a=1 user.b=2
config set t1 user.a 3
config get t1 user.a
config set t1 user.a=
config unset t1 user.b
config unset t1 user.b
config show t1
config edit t1 < architecture: x86_64\\nconfig:\\n  user.n: 5\\n  user.t: true\\n  user.m: |\\n    two\\n    lines\\nprofiles: [default]\\nephemeral: no\\n
config show t1
config set t1 user.in - < from standard input
config get t1 user.in
config device add t1 d1 none
config device add t1 d1 none
config device add t1 d2 none foo=1
config device list t1
config device show t1
config device get t1 d1 type
config device override t1 root
config device set t1 eth0 name eth7
config device override t1 eth0
config device set t1 eth0 name eth7
config device get t1 eth0 name
config device unset t1 eth0 hwaddr
config device remove t1 d1 eth0 root
config device show t1
profile create p1
profile create p1
profile set p1 user.x=1 user.y=2
profile get p1 user.x
profile unset p1 user.x
profile set p1 foo bar
profile edit p1 < config:\\n  user.z: "007"\\ndescription: edited\\ndevices:\\n  root:\\n    type: disk\\n    path: /\\n    pool: default\\n
profile show p1
profile device add p1 d none
profile device show p1
profile device remove p1 d
profile device remove p1 d
profile copy p1 p2
profile rename p2 p3
profile add t1 p3
profile add t1 p3
profile list
profile assign t1 default,p1
profile assign t1 ''
profile assign t1 default
profile remove t1 p3
profile delete p3
profile delete p1
profile delete p1
start t1
start t1
stop -f t1
stop -f t1
rename t1 t2
rename t1 t3
delete t2
launch busybox t3 -e
list t3 -c nst
pause t3
list t3 -c nst
start t3
delete t3
delete -f t3
list -c n
network create n1 ipv4.address=none ipv6.address=none
network create n1
network set n1 user.x=1
network get n1 user.x
network unset n1 user.x
network show n1
network edit n1 < config:\\n  ipv4.address: none\\n  ipv6.address: none\\n  user.e: x\\ndescription: edited\\n
network show n1
network list -f csv
network attach-profile n1 default eth9
network detach-profile n1 default
network detach-profile n1 default
network delete n1
network delete n1
storage create s1 dir
storage set s1 user.x 1
storage unset s1 user.x
storage list -f csv
storage show s1
storage edit s1 < description: edited\\n
storage list -f csv
storage delete s1
storage delete s1
project create p1 -c user.a=1
project create p1
project show p1
project set p1 user.a=2
project get p1 user.a
project edit p1 < config:\\n  features.images: "true"\\n  features.profiles: "true"\\n  features.storage.volumes: "true"\\n  user.a: 3\\ndescription: edited\\n
project show p1
project set p1 limits.instances=5 limits.memory=1GiB
project set p1 limits.processes 10
project set p1 restricted=true restricted.devices.nic=block restricted.networks.access=n1,n2
project get p1 limits.memory
project get p1 restricted.devices.nic
project show p1
project info p1
project info p1 -f csv
project info p1 -f json
project info p1 -f yaml
project unset p1 limits.memory
project unset p1 restricted.networks.access
project show p1
project switch p1
list
project switch default
project rename p1 p2
project delete p2
project delete p2
image alias create b1 nope
image alias rename nope b2
image set-property busybox x y
image get-property busybox x
image unset-property busybox x
image alias delete nope
alias add ll 'list -c ns'
alias list
ll
alias rename ll l2
alias remove l2
query -X POST -d '{"name":"q1"}' /1.0/profiles
query -X DELETE /1.0/profiles/q1
config set images.remote_cache_expiry=5
config show
config unset images.remote_cache_expiry
`
  .trim()
  .split('\n')

/**
 * Compares this repository's client with the stock one on the daemon of this sandbox, which has a profile, a pool
 * and a network already, and gets an image and a running container.
 */
export function compareClients(leaveOut: readonly string[] = []): void {
  const chosen = (all: readonly string[]): string[] => all.filter((line) => !leaveOut.includes(line))

  test('the state to look at', async () => {
    ok(stockLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
    ok(stockLxc('launch', 'busybox', 'c1', '-c', 'user.owner=ann'))
    await settle()
  })

  for (const line of chosen(questions)) {
    test(`lxc ${line}`, () => {
      // Addresses and processes come and go: what differs once has to differ again.
      for (let tries = 1; ; tries++) {
        const [stock, ours] = [run(clients.stock, line), run(clients.ours, line)]
        if (tries === 3) return assert.deepEqual(ours, stock)
        if (JSON.stringify(ours) === JSON.stringify(stock)) return
      }
    })
  }

  test('a chain of changes', async (t) => {
    const all = (client: string): Result[] => chosen(changes).map((line) => run(client, line))
    const [stock, ours] = [all(clients.stock), all(clients.ours)]
    for (const [index, line] of chosen(changes).entries()) {
      await t.test(`lxc ${line}`, () => assert.deepEqual(ours[index], stock[index]))
    }
  })

  test('images go out and come in alike', () => {
    const results = Object.values(clients).map((client) => roundTrip(client))
    assert.deepEqual(results[1], results[0])
  })
}

/** Waits until the container has had the same addresses for two seconds. */
async function settle(): Promise<void> {
  let before = ''
  for (let [tries, same] = [0, 0]; tries < 60 && same < 4; tries++) {
    const now = ok(stockLxc('list', '-c', '46', '-f', 'csv'))
    same = now === before && now.includes('eth0') ? same + 1 : 0
    before = now
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** Exports the image in one file, imports it again in two, from a directory, and exports those. */
function roundTrip(client: string): unknown[] {
  const directory = mkdtempSync('/tmp/images-')
  const at = (name: string): string => join(directory, name)
  const host = (program: string, ...args: readonly string[]): string => ok(runProgram(program, args))

  const log: unknown[] = [run(client, `image export busybox ${at('whole')}`)]
  mkdirSync(at('tree'))
  host(
    'tar',
    '-C',
    at('tree'),
    '-xf',
    join(
      directory,
      readdirSync(directory).find((name) => name.startsWith('whole'))!,
    ),
  )
  host('touch', '-d', '@1700000000', at('tree/metadata.yaml'))
  host('tar', '-C', at('tree'), '-cf', at('meta.tar'), 'metadata.yaml')
  const options = ['-noappend', '-quiet', '-no-progress', '-mkfs-time', '0', '-all-time', '0']
  host('mksquashfs', at('tree/rootfs'), at('root.squashfs'), ...options)

  log.push(run(client, `image import ${at('meta.tar')} ${at('root.squashfs')} --alias two 'user.k=v w' --public`))
  log.push(run(client, `image import ${at('meta.tar')} ${at('root.squashfs')}`))
  log.push(run(client, 'image show two'), run(client, 'image list two -f csv'))
  log.push(run(client, `image export two ${at('again')}`))
  mkdirSync(at('into'))
  log.push(run(client, `image export two ${at('into')}`))
  log.push(run(client, 'image edit two < public: false\\nproperties:\\n  os: edited\\n'), run(client, 'image show two'))
  log.push(run(client, 'image alias rename two zwei'), run(client, 'image alias delete zwei'))
  log.push(run(client, 'image delete two'), run(client, `image delete ${fingerprintIn(log)}`))

  const hashes = host(
    'find',
    directory,
    '-maxdepth',
    '2',
    '-type',
    'f',
    '-name',
    '[awim0-9]*',
    '-exec',
    'sha256sum',
    '{}',
    '+',
  )
  rmSync(directory, { recursive: true })
  return JSON.parse(JSON.stringify([...log, hashes.split('\n').sort()]).replaceAll(directory, 'DIRECTORY')) as unknown[]
}

function fingerprintIn(log: readonly unknown[]): string {
  return /fingerprint: ([\da-f]{64})/.exec(JSON.stringify(log))?.[1] ?? 'missing'
}
