import assert from 'node:assert/strict'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ok, RealDaemon, runProgram } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const directory = '/var/lib/lxd/audit'
const file = `${directory}/audit.log`
const lxd = fileURLToPath(new URL('../../bin/lxd', import.meta.url))
const verify = (...args: readonly string[]): Result => runProgram(lxd, ['audit', 'verify', ...args])

const daemon = new RealDaemon()
before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

/** The status of an answer, 0 where none came. */
function send(method: string, path: string, body?: object): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const sent = request({ socketPath: '/var/lib/lxd/unix.socket', method, path, agent: false }, (response) => {
    response.resume()
    response.on('close', () => resolve(response.statusCode ?? 0))
  })
  sent.on('error', () => resolve(0))
  sent.end(body && JSON.stringify(body))
  return promise
}

const events = (): { event: string; sequence: number; params?: { name?: string } }[] =>
  readdirSync(directory)
    .toSorted()
    // The one that is written to sorts last among names with digits, and is the newest.
    .toSorted((a, b) => Number(a === 'audit.log') - Number(b === 'audit.log'))
    .flatMap((name) => readFileSync(`${directory}/${name}`, 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as { event: string; sequence: number })

test('a daemon that is killed at any time leaves a log that is whole, with all that was answered', async () => {
  ok(runProgram('/usr/bin/lxc', ['config', 'set', 'core.audit_max_size=64KiB', 'core.audit_max_files=10000']))
  const answered = new Set<string>()
  for (let round = 0; round < 4; round++) {
    let stop = false
    const client = async (who: number): Promise<void> => {
      for (let count = 0; !stop; count++) {
        const name = `p${round}-${who}-${count}`
        if ((await send('POST', '/1.0/profiles', { name })) !== 201) return
        if ((await send('DELETE', `/1.0/profiles/${name}`)) === 200) answered.add(name)
      }
    }
    const clients = [1, 2, 3, 4].map(client)
    await sleep(150 + Math.random() * 300)
    await daemon.end('SIGKILL')
    stop = true
    await Promise.all(clients)
    // What a system that fails in the middle of a write leaves.
    if (round % 2 === 0) appendFileSync(file, '{"time":"2026-01-01T00:00:00.000Z","sequ')
    const idle = verify()
    assert.equal(idle.code, 0, idle.stderr)
    if (round % 2 === 0) assert.match(idle.stdout, /Note: .*incomplete/)
    await daemon.start()
    const online = verify()
    assert.equal(online.code, 0, online.stderr)
  }
  assert.ok(answered.size > 10, `${answered.size} changes`)
  const all = events()
  const written = new Set(all.map(({ params }) => params?.name))
  assert.deepEqual(
    [...answered].filter((name) => !written.has(name)),
    [],
  )
  assert.equal(all.filter(({ event }) => event === 'log-recovered').length, 2)
  assert.equal(all.filter(({ event }) => event === 'daemon-started').length, 5)
  assert.equal(all.filter(({ event }) => event === 'log-broken').length, 0)
  assert.ok(readdirSync(directory).length > 1, 'no file was full')
})

test('lxd audit verify names the line that was changed, and a warning is raised for lines that are gone', async () => {
  const [, number = '', hash = ''] = /last is (\d+):([0-9a-f]{64})/.exec(ok(verify())) ?? []
  await send('POST', '/1.0/profiles', { name: 'x' })
  ok(verify('--expect', `${number}:${hash}`))
  assert.equal(verify('--expect', `${number}:${'0'.repeat(64)}`).code, 1)
  await daemon.end('SIGTERM')

  const whole = readFileSync(file)
  const changed = Buffer.from(whole)
  changed[changed.indexOf('"who"') + 20]! ^= 1
  writeFileSync(file, changed)
  const found = verify()
  assert.equal(found.code, 1)
  assert.match(
    found.stderr,
    /^Error: The audit log is not as it was written: \/var\/lib\/lxd\/audit\/audit\.log:\d+: its hash/,
  )

  writeFileSync(file, whole.subarray(0, whole.lastIndexOf(10, whole.length - 2) + 1))
  assert.match(verify().stderr, /line number \d+ is missing/)
  // A copy of the part that is left is right in itself.
  ok(verify(file))
  await daemon.start()
  assert.match(ok(runProgram('/usr/bin/lxc', ['warning', 'list', '-f', 'csv'])), /Audit log has been changed,NEW,HIGH/)
  assert.equal(verify().code, 1)
})
