import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { imageFile } from '../image.ts'

// The stock client, told the same by Debian's daemon and by ours, must show the same.

/** What is typed, one command a line: `lxc` is Debian's. IMAGE stands for the path of an image. */
const session = `
lxc project create p1 -c user.a=b
lxc project list
lxc project show p1
lxc project set p1 user.x y
lxc project get p1 user.x
lxc project unset p1 user.x
lxc project info p1
lxc project rename p1 p2
lxc project rename default p3
lxc project switch p2
lxc profile list
lxc profile create web
lxc profile list
lxc project delete p2
lxc profile delete web
lxc project switch default
lxc project delete p2
lxc project delete p2
lxc project create a/b
lxc project create a_b
lxc profile create web
lxc profile set web user.a=b
lxc profile set web limits.memory=1GiB
lxc profile get web user.a
lxc profile show web
lxc profile device add web none none
lxc profile device list web
lxc profile device show web
lxc profile device remove web none
lxc profile copy web web2
lxc profile rename web2 web3
lxc profile list -f csv
lxc profile list -f json
lxc profile list -f yaml
lxc profile delete web3
lxc profile delete default
lxc profile delete nope
lxc profile show nope
lxc storage create pl dir
lxc storage list
lxc storage show pl
lxc network create br0 ipv4.address=10.77.0.1/24 ipv6.address=none
lxc network list
lxc network show br0
lxc network get br0 ipv4.address
lxc network set br0 ipv4.nat=true
lxc network show br0
lxc profile device add default root disk path=/ pool=pl
lxc profile device add default eth0 nic network=br0 name=eth0
lxc profile show default
lxc image import IMAGE --alias bb
lxc image list
lxc image list -f json
lxc image show bb
lxc image alias list
lxc image alias create b2 bb
lxc image alias rename b2 b3
lxc image alias delete b3
lxc init nope c9
lxc init bb c9 -p nope
lxc init bb c9 -s nope
lxc init bb c1 -q -c user.a=b -c limits.memory=64MiB
lxc list
lxc list -f csv -c nsSDaNupbm
lxc config show c1
lxc config show c1 --expanded
lxc config get c1 user.a
lxc config set c1 user.c=d
lxc config unset c1 user.c
lxc config device add c1 x none
lxc config device list c1
lxc config device show c1
lxc config device remove c1 x
lxc config device override c1 eth0 ipv4.address=10.77.0.77
lxc info c1
lxc query /1.0/instances/c1
lxc query /1.0/instances/c1/state
lxc start c1 -q
lxc list -f csv -c nst
lxc exec c1 -- sh -c 'echo $HOME $USER $TERM; pwd; id; tty'
lxc exec c1 -- false
lxc exec c1 -- nope
lxc exec c1 -- /etc/passwd
lxc exec c1 --cwd /tmp --user 1000 --group 1000 --env A=B -- sh -c 'pwd; id; echo $A'
lxc pause c1
lxc list -f csv -c ns
lxc start c1
lxc restart c1 -f
lxc delete c1
lxc stop c1 -f
lxc stop c1
lxc rename c1 c2
lxc storage volume list pl
lxc storage show pl
lxc network show br0
lxc profile show default
lxc project show default
lxc project info default
lxc project create s -c restricted=true -c features.profiles=false
lxc project create r -c restricted=true -c features.images=false
lxc profile device add default root disk path=/ pool=pl --project r
lxc init bb r1 -q --project r
lxc config set r1 security.privileged=true --project r
lxc config set r1 security.nesting=true --project r
lxc config set r1 raw.lxc=lxc.environment=A=b --project r
lxc config set r1 boot.host_shutdown_timeout=3 --project r
lxc config set r1 security.idmap.base=2000000 --project r
lxc config set r1 security.idmap.isolated=true --project r
lxc config set r1 limits.kernel.nofile=5000 --project r
lxc config set r1 linux.sysctl.net.ipv4.ip_forward=1 --project r
lxc profile set default security.nesting=true --project r
lxc config device add r1 d disk source=/tmp path=/mnt --project r
lxc config device add r1 e nic nictype=bridged parent=br0 --project r
lxc config device add r1 e nic network=br0 --project r
lxc project set r restricted.networks.access nope
lxc project set r restricted.devices.nic block
lxc config device remove r1 e --project r
lxc project set r restricted.networks.access nope
lxc config device add r1 e nic network=br0 --project r
lxc network show br0 --project r
lxc project unset r restricted.networks.access
lxc project set r restricted.containers.nesting allow
lxc config set r1 security.nesting=true --project r
lxc project set r restricted.containers.nesting block
lxc project set r limits.containers 1
lxc project unset r limits.containers
lxc project set r limits.instances 1
lxc project set r limits.instances 0
lxc project set r limits.containers 0
lxc project set r limits.memory 1GiB
lxc config set r1 limits.memory=512MiB --project r
lxc project set r limits.memory 1GiB
lxc project set r limits.memory 100MiB
lxc config set r1 limits.memory=2GiB --project r
lxc config unset r1 limits.memory --project r
lxc config set r1 limits.cpu=2 --project r
lxc project set r limits.cpu 2
lxc config set r1 limits.cpu=3 --project r
lxc project set r limits.processes 100
lxc project set r limits.disk 1GiB
lxc project get r limits.cpu
lxc project show r
lxc project info r
lxc query /1.0/projects/r/state
lxc project unset r restricted
lxc config set r1 security.privileged=true --project r
lxc delete r1 --project r
lxc project delete r
lxc config set c2 security.protection.delete=true
lxc config set c2 security.protection.delete=false
lxc delete c2
lxc delete c2
lxc image delete bb
lxc network delete br0
lxc storage delete pl
lxc profile device remove default eth0
lxc profile device remove default root
lxc network delete br0
lxc storage delete pl
lxc config set user.a=b
lxc config get user.a
lxc config show
lxc config unset user.a
lxc config show
lxc list
lxc image list
lxc storage list
lxc info --resources
lxc query /1.0/profiles
lxc query /1.0/profiles/default
lxc query /1.0/projects/default
lxc query /1.0/projects/default/state
lxc query /1.0/nothing
lxc query -X DELETE /1.0/profiles
`
  .trim()
  .split('\n')

const sandbox = fileURLToPath(new URL('../../tools/sandbox', import.meta.url))

/** What differs from run to run, and what takes its place. */
const varying: readonly (readonly [RegExp, string])[] = [
  // Progress, written over itself.
  [/[^\n]*\r/g, ''],
  [/[A-Z][a-z]{2} \d{1,2}, \d{4} at \d{1,2}:\d\d[ap]m/g, 'TIME'],
  [/^( +(?:Free|Used): ).*$/gm, '$1…'],
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID'],
  [/veth[0-9a-f]{8}/g, 'VETH'],
  [/00:16:3e(:[0-9a-f]{2}){3}/g, 'MAC'],
  [/\d{4}[-/]\d\d[-/]\d\d[T ][\d:.]+( UTC|Z)?/g, 'TIME'],
  // The client says this where an operation fails after it has begun to listen.
  [/^Try `lxc info --show-log .*\n/gm, ''],
  // How ids are mapped is each daemon's own affair.
  [/^.*volatile\.(idmap|last_state\.idmap).*\n/gm, ''],
]

/** What each command printed, and its exit code. */
function play(daemon: '--peer' | '--daemon'): readonly string[] {
  const image = imageFile('busybox')
  const lines = session.map(
    (line) => `${line.replace('IMAGE', image)} 2>&1 </dev/null; echo "exit code $?"; echo -----`,
  )
  // The first command of a user greets; that goes to nowhere.
  const script = ['export LXD_CONF=/tmp/conf', 'lxc list >/dev/null 2>&1', ...lines].join('\n')
  const { stdout, stderr, status } = spawnSync(sandbox, [daemon, '--', 'sh', '-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  return varying.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), stdout).split('-----\n')
}

const installed = spawnSync('dpkg-query', ['-W', '-f', '${Version}', 'lxd']).stdout?.toString() ?? ''

test(
  'the stock client shows the same, whichever daemon it asks',
  { skip: installed === '' && 'needs lxd' },
  async (t) => {
    const theirs = play('--peer')
    const ours = play('--daemon')
    for (const [index, line] of session.entries()) {
      await t.test(line, () => assert.equal(ours[index], theirs[index]))
    }
  },
)
