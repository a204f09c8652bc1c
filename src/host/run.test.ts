import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { CommandError, run } from './run.ts'

test('a program gets its arguments as they are, and a clean environment', async () => {
  const { stdout } = await run('env', ['A=$(id)', 'sh', '-c', 'echo "$A"; echo "$HOME"'])

  assert.equal(stdout, '$(id)\n\n')
})

test('a program that fails tells its exit code and what it said', async () => {
  const failing = run('sh', ['-c', 'echo "no way" >&2; exit 3'])

  await assert.rejects(failing, (error) => {
    assert.ok(error instanceof CommandError)
    assert.deepEqual([error.code, error.message], [3, 'sh exited with code 3: no way'])
    return true
  })
  assert.equal((await run('sh', ['-c', 'exit 3'], { accept: [0, 3] })).code, 3)
})

test('a program that is not there is a failure', async () => {
  await assert.rejects(run('no-such-program', []), /no-such-program could not be run/)
})

test('output can be taken as it comes, and refused', async () => {
  let size = 0
  const { stdout } = await run('head', ['-c', '1000000', '/dev/zero'], { onStdout: (chunk) => (size += chunk.length) })
  assert.deepEqual([size, stdout], [1_000_000, ''])

  const enough = new Error('enough')
  const onStdout = () => {
    throw enough
  }
  await assert.rejects(run('yes', [], { onStdout }), enough)
})

test('a cancelled program is gone when the failure comes', async () => {
  const began = performance.now()
  let pid = 0
  const onStdout = (chunk: Buffer) => (pid = Number(chunk.toString()))

  await assert.rejects(
    run('sh', ['-c', 'echo $$; exec sleep 60'], { signal: AbortSignal.timeout(200), onStdout }),
    /killed by SIGKILL/,
  )

  assert.ok(performance.now() - began < 10_000)
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('input comes from a text or from a file of ours', async () => {
  assert.equal((await run('cat', [], { input: 'text' })).stdout, 'text')
  assert.equal((await run('cat', [])).stdout, '')
  const file = openSync('/proc/self/stat', 'r')
  try {
    assert.match((await run('cat', [], { stdin: file })).stdout, /^\d+ \(/)
  } finally {
    closeSync(file)
  }
})
