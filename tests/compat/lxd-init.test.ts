import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ok, RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const bin = fileURLToPath(new URL('../../bin/', import.meta.url))
const daemon = new RealDaemon()
before(() => daemon.start())
after(() => daemon.end('SIGKILL'))

/** Our `lxd` and Debian's, both as clients of our daemon. */
const ours = (args: readonly string[], input = '') => runProgram(`${bin}lxd`, args, input)
const stock = (args: readonly string[], input = '') => runProgram('/usr/bin/lxd', args, input)

const preseed = `
storage_pools:
- name: second
  driver: dir
networks:
- name: br9
  type: bridge
  config:
    ipv4.address: 10.99.9.1/24
    ipv4.nat: true
    ipv6.address: none
profiles:
- name: default
  description: Changed
  devices:
    eth0: {type: nic, network: br9, name: eth0}
- name: extra
  config: {user.a: "1"}
projects:
- name: blue
  config: {features.images: "false"}
`

test('without anything set up, both dump the same', () => {
  assert.equal(ok(ours(['init', '--dump'])), ok(stock(['init', '--dump'])))
})

test('what --auto set up, both dump alike, and --auto again changes nothing', () => {
  ok(ours(['init', '--auto', '--storage-backend', 'dir']))
  const dump = ok(ours(['init', '--dump']))
  assert.match(dump, /driver: dir/)
  assert.match(dump, /name: lxdbr0/)
  assert.equal(dump, ok(stock(['init', '--dump'])))

  ok(ours(['init', '--auto']))
  ok(ours(['init', '--minimal']))
  ok(stock(['init', '--auto']))
  assert.equal(ok(ours(['init', '--dump'])), dump)
})

test('a preseed gives the same from both, once and twice', () => {
  ok(ours(['init', '--preseed'], preseed))
  const dump = ok(ours(['init', '--dump']))
  assert.match(dump, /name: second/)
  assert.match(dump, /user.a: "1"/)
  ok(ours(['init', '--preseed'], preseed))
  assert.equal(ok(ours(['init', '--dump'])), dump)
  ok(stock(['init', '--preseed'], preseed))
  assert.equal(ok(stock(['init', '--dump'])), dump)
})

test('a dump is a preseed that changes nothing', () => {
  const dump = ok(ours(['init', '--dump']))
  ok(ours(['init', '--preseed'], dump))
  assert.equal(ok(ours(['init', '--dump'])), dump)
})

test('a preseed that fails half way leaves nothing behind', () => {
  const dump = ok(ours(['init', '--dump']))
  const bad = `
config: {user.x: "1"}
storage_pools: [{name: third, driver: dir}]
networks: [{name: br8, type: bridge}]
profiles: [{name: default, description: New}, {name: x, config: {limits.memroy: 1GiB}}]`
  const { code, stderr } = ours(['init', '--preseed'], bad)
  assert.equal(code, 1)
  assert.match(stderr, /^Error: Failed to create profile "x": .*limits\.memroy/)
  assert.equal(ok(ours(['init', '--dump'])), dump)
})

test('wrong flags get the messages of LXD', () => {
  const wrong = [
    ['--auto', '--storage-backend', 'dir'],
    ['--auto', '--storage-backend', 'floppy'],
    ['--auto', '--network-port', '1'],
    ['--auto', '--trust-password', 'x'],
    ['--storage-backend', 'dir'],
    ['--auto', '--preseed'],
  ]
  for (const args of wrong) {
    assert.deepEqual(ours(['init', ...args]), stock(['init', ...args]), args.join(' '))
  }
})

test('questions are asked until they are answered', () => {
  const answers = [
    'maybe',
    'yes',
    'second',
    'third',
    'dir',
    'yes',
    'br7',
    '10.77.7.1',
    '10.77.7.1/24',
    'no',
    'none',
    'no',
    'yes',
  ]
  const { code, stdout, stderr } = ours(['init'], `${answers.join('\n')}\n`)
  assert.equal(code, 0, stderr)
  assert.match(stderr, /Invalid input, try again/)
  assert.match(stderr, /The requested storage pool "second" already exists/)
  assert.match(stderr, /invalid CIDR address: 10\.77\.7\.1\n/)
  assert.match(stdout, /ipv4\.nat: "false"/)
  assert.match(ok(ours(['init', '--dump'])), /name: br7/)

  assert.match(ours(['init'], 'no\n').stderr, /^Error: EOF/)
})

test('both find the daemon ready, and say when there is none', async () => {
  for (const lxd of [ours, stock]) {
    ok(lxd(['waitready', '--timeout=5']))
    assert.equal(ok(lxd(['activateifneeded'])), '')
  }
  assert.equal(ours(['shutdown']).code, 0)
  const { code, stderr } = ours(['waitready', '--timeout=1'])
  assert.equal(code, 1)
  assert.match(stderr, /^Error: LXD still not running after 1s timeout/)
  assert.match(ours(['shutdown']).stderr, /no such file or directory/)
  assert.equal(ok(ours(['activateifneeded'])), '')
})
