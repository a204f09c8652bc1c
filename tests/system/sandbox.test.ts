import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const sandbox = fileURLToPath(new URL('../../tools/sandbox', import.meta.url))

/** Directories of nested sandboxes: they live in the directory of the one we are in. */
function leftovers(): string[] {
  return readdirSync(process.env['LXD_SANDBOX']!).filter((name) => name.startsWith('lxd-sandbox.'))
}

function cgroups(): string {
  return execFileSync('find', ['/sys/fs/cgroup', '-type', 'd'], { encoding: 'utf8' })
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds(); await sleep(50)) assert.ok(Date.now() < end, what)
}

test('has a network, processes and directories of its own', () => {
  assert.deepEqual(Object.keys(networkInterfaces()), ['lo'])
  assert.match(readFileSync('/proc/1/cmdline', 'utf8'), /--inside/)
  assert.deepEqual(readdirSync('/var/lib/lxd'), [])
  assert.deepEqual(readdirSync('/sys/class/net'), ['lo'])
})

test('sees the root of every cgroup hierarchy as its own', () => {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  for (const line of lines) assert.match(line, /:\/$|^0::\/init\.scope$/)
})

test("passes on the command's input, output and exit code", async () => {
  const child = spawn(sandbox, ['sh', '-c', 'tr a-z A-Z; exit 7'], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end('text')
  const chunks = (await child.stdout.toArray()) as Buffer[]
  assert.equal(Buffer.concat(chunks).toString(), 'TEXT')
  assert.equal(child.exitCode ?? (await once(child, 'exit'))[0], 7)
})

test('runs several at a time and leaves nothing', async () => {
  const before = cgroups()
  const script =
    'set -e; ip link add lxdbr0 type bridge; for at in /sys/fs/cgroup/*/; do mkdir $at/lxc.payload.c1; done; sleep 0.5'
  const children = Array.from({ length: 4 }, () => spawn(sandbox, ['sh', '-c', script], { stdio: 'inherit' }))
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
  assert.deepEqual(codes, [0, 0, 0, 0])
  assert.deepEqual(leftovers(), [])
  assert.equal(cgroups(), before)
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`takes everything along when it is ended with ${signal}`, async () => {
    const before = cgroups()
    const script = `trap '' TERM
      truncate -s 10M /var/lib/lxd/image && losetup --find /var/lib/lxd/image
      setsid sleep 4242 & echo ready; sleep 4242`
    const child = spawn(sandbox, ['sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill(signal)
    await once(child, 'exit')
    await eventually('the directory goes', () => leftovers().length === 0)
    assert.equal(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('sleep 4242'), false)
    assert.equal(execFileSync('losetup', ['--list'], { encoding: 'utf8' }).includes('/image'), false)
    assert.equal(cgroups(), before)
  })
}

test('sweeps up after one whose cleaner was killed too', async () => {
  const child = spawn(sandbox, ['sh', '-c', 'echo ready; sleep 4242'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const cleaner = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .find((line) => line.includes(`--cleaner ${process.env['LXD_SANDBOX']}/`))
  process.kill(Number.parseInt(cleaner!, 10), 'SIGKILL')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await eventually('its processes end', () => !execFileSync('ps', ['-eo', 'args']).includes('sleep 4242'))
  assert.equal(leftovers().length, 1)
  execFileSync(sandbox, ['true'])
  assert.deepEqual(leftovers(), [])
})

test('keeps the three directories when asked to', (t) => {
  const kept = mkdtempSync('/tmp/kept.')
  t.after(() => rmSync(kept, { recursive: true }))
  execFileSync(sandbox, ['--keep', kept, 'sh', '-c', 'echo 1 >/var/lib/lxd/a; echo 2 >/var/log/lxd/b'])
  assert.equal(readFileSync(`${kept}/lib/a`, 'utf8'), '1\n')
  execFileSync(sandbox, ['--keep', kept, 'rm', '/var/lib/lxd/a'])
  assert.equal(existsSync(`${kept}/lib/a`), false)
  assert.equal(readFileSync(`${kept}/log/b`, 'utf8'), '2\n')
})
