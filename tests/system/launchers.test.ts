import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const bin = fileURLToPath(new URL('../../bin/', import.meta.url))
const elsewhere = mkdtempSync('/tmp/elsewhere.')

for (const program of ['lxd', 'lxc']) {
  symlinkSync(`${bin}${program}`, `${elsewhere}/${program}`)

  const ways: readonly (readonly [how: string, command: string, args: readonly string[], cwd: string])[] = [
    ['by its path', `${bin}${program}`, [], '/'],
    ['through a link', `${elsewhere}/${program}`, [], '/'],
    ['through a link, by a relative path', `./${program}`, [], elsewhere],
    ['by a shell, beside it', 'sh', [program], bin],
    ['found in PATH', program, [], '/'],
  ]
  for (const [how, command, args, cwd] of ways) {
    test(`${program} starts ${how}`, () => {
      const env = { ...process.env, PATH: `${elsewhere}:${process.env['PATH']}` }
      const { status, stdout, stderr } = spawnSync(command, [...args, '--version'], { cwd, env, encoding: 'utf8' })
      assert.equal(stderr, '')
      assert.equal(stdout, '5.0.2\n')
      assert.equal(status, 0)
    })
  }
}

test('the process that was started is the daemon', async (t) => {
  const child = spawn(`${bin}lxd`, { stdio: 'ignore', env: { ...process.env, LXD_DIR: '/tmp/state' } })
  t.after(() => child.kill('SIGKILL'))
  const waiting = spawn(`${bin}lxd`, ['waitready', '--timeout=60'], {
    stdio: 'inherit',
    env: { ...process.env, LXD_DIR: '/tmp/state' },
  })
  assert.equal((await once(waiting, 'exit'))[0], 0)
  assert.match(readlinkSync(`/proc/${child.pid}/exe`), /\/node$/)
  assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /lxd\.ts/)

  child.kill('SIGTERM')
  const [code] = (await Promise.race([once(child, 'exit'), sleep(20_000, [undefined])])) as [number | undefined]
  assert.equal(code, 0)
})
