import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { explain } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import { Undo } from '#base/undo.ts'
import { FakeDeviceNodes } from '#host/fake-device-nodes.ts'
import { FakeMounts } from '#host/fake-mounts.ts'
import { checkDevices } from './check.ts'
import type { DeviceConfig, DeviceContext } from './device.ts'
import { unixBlock, unixChar } from './unix.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = { skip: !isRoot && 'needs root' }
const directories: string[] = []
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))))

const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]
const own = { type: 'unix-char', source: '/dev/loop-control', path: 'dev/mine', uid: '1000', mode: '0600' }

function makeUnix(version: 1 | 2 | 'none' = 1) {
  const devicesDirectory = mkdtempSync(join(tmpdir(), 'unix-'))
  directories.push(devicesDirectory)
  const nodes = new FakeDeviceNodes()
  nodes.host.set('/dev/loop-control', { kind: 'char', major: 10, minor: 237 }).set('/dev/shm', 'none')
  nodes.host.set('/dev/loop0', { kind: 'block', major: 7, minor: 0 })
  const mounts = new FakeMounts()
  mounts.sources.set(`${devicesDirectory}/c1/unix.mine`, 'file')
  const asked: string[] = []
  const parts = {
    nodes,
    mounts,
    devicesDirectory,
    inside: {
      async attach(pid: number, _mount: object, { path, owner }: { path: string; owner: { uid: number } }) {
        asked.push(`attach ${pid} ${path} ${owner.uid}`)
      },
      async detach(pid: number, path: string) {
        asked.push(`detach ${pid} ${path}`)
      },
    },
    runtime: {
      async setDeviceRule(name: string, action: string, rule: string) {
        asked.push(`${action} ${name} ${rule}`)
      },
    },
    facts: { cgroups: new Map(version === 'none' ? [] : [['devices', version] as const]) },
  }
  return { char: unixChar(parts), block: unixBlock(parts), nodes, asked, devicesDirectory, inside: parts.inside }
}

function context(config: DeviceConfig, more: Partial<DeviceContext> = {}): DeviceContext {
  const devices = { mine: config }
  const owner = { project: 'default', name: 'c1', runtimeName: 'c1', privileged: false, devices }
  return { owner, device: 'mine', config, volatile: {}, idmap: map, pid: undefined, ...more }
}

const undo = () => new Undo((what, error) => assert.fail(`${what}: ${explain(error)}`))

test('what can not be a device of the host is refused', () => {
  const { char } = makeUnix()
  const check = (config: DeviceConfig, others: Record<string, DeviceConfig> = {}) => {
    const devices = { ...others, mine: { type: 'unix-char', ...config } }
    const owner = { project: 'default', name: 'c1', runtimeName: 'c1', privileged: false, devices }
    checkDevices(() => char, devices, { owner, inProfile: false })
  }
  const source = '/dev/null'
  for (const [config, message] of [
    [{}, /missing the required "source" or "path"/],
    [{ source: '/etc/passwd' }, /expected a path in \/dev/],
    [{ source: '/dev/../etc/passwd' }, /expected a path in \/dev without "\.\."/],
    [{ source: 'null' }, /expected a path in \/dev/],
    [{ source: '/dev/a\nb' }, /expected a path in \/dev/],
    [{ source, path: '/../x' }, /expected a path without "\.\."/],
    [{ source, path: '/' }, /Expected a path below the root/],
    [{ path: '/srv/null' }, /outside of \/dev needs a "source"/],
    [{ source, major: '1' }, /Both major and minor must be supplied/],
    [{ source, minor: '1' }, /Both major and minor must be supplied/],
    [{ source, major: '-1', minor: '3' }, /expected a whole number from 0 to 4095/],
    [{ source, major: '1', minor: '1048576' }, /from 0 to 1048575/],
    [{ source, mode: '4755' }, /expected an octal one/],
    [{ source, mode: '888' }, /expected an octal one/],
    [{ source, uid: '-1' }, /expected a whole number/],
    [{ source, uid: '4294967295' }, /expected a whole number/],
  ] as const) {
    assert.throws(
      () => check(config),
      (error) => message.test(explain(error)),
      JSON.stringify(config),
    )
  }
  check({ source })
  check({ path: 'dev/null' })
  check({ path: '/srv/null', major: '1', minor: '3' })
  assert.throws(
    () => check({ source }, { other: { type: 'unix-block', source: '/dev/loop0', path: 'dev//null' } }),
    (error) => explain(error).includes('More than one device uses the same path "/dev/null"'),
  )
})

test('a node is made where only the instance gets at it, with ids of the instance', needsRoot, async () => {
  for (const [version, prefix] of [
    [1, 'lxc.cgroup'],
    [2, 'lxc.cgroup2'],
    ['none', undefined],
  ] as const) {
    const { char, nodes, asked, devicesDirectory } = makeUnix(version)
    const place = `${devicesDirectory}/c1/unix.mine`
    const started = await char.start(context(own), undo())
    assert.deepEqual(started, {
      lxc: [
        ...(prefix ? [[`${prefix}.devices.allow`, 'c 10:237 rwm']] : []),
        ['lxc.mount.entry', `${place} dev/mine none bind,create=file 0 0`],
      ],
      volatile: { 'last_state.device': 'c 10:237 rwm' },
    })
    const access = { mode: 0o600, uid: 101_000, gid: 100_000 }
    assert.deepEqual(nodes.made.get(place), { kind: 'char', major: 10, minor: 237, ...access })
    const { uid, mode } = statSync(`${devicesDirectory}/c1`)
    assert.deepEqual([uid, mode & 0o777], [100_000, 0o100])
    await char.stop(context(own))
    await char.stop(context(own))
    assert.deepEqual(readdirSync(devicesDirectory), [])
    assert.deepEqual(asked, [])
  }
})

test('numbers that are given are taken; a source of another kind, or none, is an error', needsRoot, async () => {
  const { char, block, nodes } = makeUnix()
  const numbers = { type: 'unix-block', path: '/dev/mine', major: '7', minor: '300' }
  assert.equal((await block.start(context(numbers), undo())).volatile['last_state.device'], 'b 7:300 rwm')
  const fails = async (kind: typeof char, config: DeviceConfig, message: RegExp) =>
    await assert.rejects(kind.start(context(config), undo()), (error) => message.test(explain(error)))
  await fails(char, { source: '/dev/loop0' }, /"\/dev\/loop0" is not a character device/)
  await fails(block, { source: '/dev/null' }, /"\/dev\/null" is not a block device/)
  await fails(char, { source: '/dev/shm' }, /is not a character device/)
  await fails(char, { source: '/dev/gone' }, /required device path "\/dev\/gone" doesn't exist/)
  await fails(char, { source: '/dev/null', uid: '70000' }, /"uid": The instance has no user 70000/)
  await fails(char, { source: '/dev/null', gid: '70000' }, /"gid": The instance has no group 70000/)
  assert.deepEqual(await char.start(context({ source: '/dev/gone', required: 'false' }), undo()), {
    lxc: [],
    volatile: {},
  })
  assert.equal(nodes.made.size, 1)
})

test('in a running instance the device is allowed, shown, and on its way out forbidden', needsRoot, async () => {
  const { char, asked, devicesDirectory } = makeUnix()
  const running = context(own, { pid: 42 })
  const { lxc, volatile } = await char.start(running, undo())
  assert.deepEqual(lxc, [])
  assert.deepEqual(asked.splice(0), ['allow c1 c 10:237 rwm', 'attach 42 /dev/mine 100000'])
  await char.stop({ ...running, volatile })
  assert.deepEqual(asked.splice(0), ['deny c1 c 10:237 rwm', 'detach 42 /dev/mine'])
  assert.deepEqual(readdirSync(devicesDirectory), [])

  // Another device of the instance is the same one, or everyone has it: it is not forbidden.
  const devices = { mine: own, twin: { type: 'unix-char', source: '/dev/loop-control', path: '/dev/twin' } }
  await char.stop({ ...running, volatile, owner: { ...running.owner, devices } })
  assert.deepEqual(asked.splice(0), ['detach 42 /dev/mine'])
  await char.stop({ ...running, volatile: { 'last_state.device': 'c 1:3 rwm' } })
  assert.deepEqual(asked.splice(0), ['detach 42 /dev/mine'])
})

test('a device that can not be shown inside leaves nothing', needsRoot, async () => {
  const { char, asked, devicesDirectory, inside } = makeUnix()
  inside.attach = async () => {
    throw new Error('A guest does not want it')
  }
  await assert.rejects(async () => {
    await using steps = undo()
    await char.start(context(own, { pid: 42 }), steps)
    steps.keep()
  }, /does not want it/)
  assert.deepEqual(asked, ['allow c1 c 10:237 rwm', 'deny c1 c 10:237 rwm'])
  assert.equal(existsSync(`${devicesDirectory}/c1`), false)
})
