import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// The stock client, told the same by Debian's daemon and by ours, must show the same.

/** What is typed, one command a line: `lxc` is Debian's. */
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

/** What each command printed, and its exit code, with what differs from run to run made equal. */
function play(daemon: '--peer' | '--daemon'): readonly string[] {
  const lines = session.map((line) => `${line} 2>&1 </dev/null; echo "exit code $?"; echo -----`)
  // The first command of a user greets; that goes to nowhere.
  const script = ['export LXD_CONF=/tmp/conf', 'lxc list >/dev/null 2>&1', ...lines].join('\n')
  const { stdout, stderr, status } = spawnSync(sandbox, [daemon, '--', 'sh', '-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  return stdout.split('-----\n').map((output) => output.replaceAll(/^( +(?:Free|Used): ).*$/gm, '$1…'))
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
