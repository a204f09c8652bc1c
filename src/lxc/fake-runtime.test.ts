import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { FakeRuntime } from './fake-runtime.ts'
import type { ExecOptions } from './runtime.ts'

const command = (...words: string[]): ExecOptions => ({
  name: 'c1',
  command: words,
  env: {},
  uid: 0,
  gid: 0,
  cwd: '/root',
  streams: 'pipes',
})

test('a fake container starts, ends, and tells how', async () => {
  const runtime = new FakeRuntime()
  const told: string[] = []
  runtime.onStopped((name, target) => told.push(`${name} ${target}`))

  await runtime.start({ name: 'c1', config: [['lxc.uts.name', 'c1']] })
  assert.equal(runtime.status('c1'), 'running')
  await assert.rejects(runtime.start({ name: 'c1', config: [] }), /runs already/)
  runtime.end('c1', 'reboot')
  await runtime.start({ name: 'c1', config: [] })
  await runtime.kill('c1')
  assert.deepEqual(told, ['c1 reboot', 'c1 stop'])
  assert.equal(runtime.status('c1'), 'stopped')
})

test('fake commands have streams, signals and exit codes', async () => {
  const runtime = new FakeRuntime()
  await runtime.start({ name: 'c1', config: [] })

  const cat = await runtime.exec(command('cat'))
  cat.stdin?.end('hello')
  assert.ok(cat.stdout)
  assert.deepEqual([await text(cat.stdout), await cat.exit], ['hello', 0])
  assert.equal(await (await runtime.exec(command('nothing'))).exit, 127)
  assert.equal(await (await runtime.exec(command('exit', '3'))).exit, 3)

  const sleep = await runtime.exec(command('sleep'))
  sleep.signal(15)
  assert.equal(await sleep.exit, 143)
  const other = await runtime.exec(command('sleep'))
  await runtime.kill('c1')
  assert.equal(await other.exit, 137)
})
