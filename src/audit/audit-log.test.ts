import assert from 'node:assert/strict'
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { auditRecords } from '#store/audit-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'
import { Warnings } from '#warnings/warnings.ts'
import { AuditLog } from './audit-log.ts'
import type { AuditSettings } from './audit-log.ts'
import type { AuditEntry } from './entry.ts'
import { verifyDirectory, verifyFiles } from './verify.ts'

const who = { method: 'tls', id: 'f00', address: '192.0.2.1:1' }
const entry: AuditEntry = {
  event: 'request',
  who,
  method: 'PUT',
  route: '/1.0/instances/{name}',
  params: { name: 'c1' },
  action: 'manage-containers',
  decision: 'allowed',
}

let directory: string
let store: Store
let warnings: Warnings
let settings: AuditSettings

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'audit-'))
  store = openSqliteStore(':memory:')
  warnings = new Warnings({ store, events: new Events({ log: silentLog }), log: silentLog })
  settings = { maxSize: 1 << 20, maxFiles: 4, reads: false, required: false }
})
afterEach(async () => {
  await store[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const file = () => join(directory, 'audit.log')

async function start(): Promise<AuditLog> {
  const log = new AuditLog({ directory, store, warnings, log: silentLog, settings: () => settings })
  await log.start()
  return log
}

/** Writes `count` entries and closes the log. */
async function write(count: number): Promise<void> {
  await using log = await start()
  for (let index = 0; index < count; index++) log.append(entry)
}

const anchor = () => auditRecords(store).get('head')?.value
const verify = () => verifyDirectory(directory, { anchor: anchor() })
const events = (path = file()) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event)

test('what was written verifies, over restarts too, and only root may read it', async () => {
  await write(3)
  await write(2)
  const { broken, lines, last, notes } = await verify()
  assert.deepEqual([broken, lines, last, notes], [undefined, 9, 9, []])
  assert.deepEqual(events().slice(0, 6), [
    'daemon-started',
    'request',
    'request',
    'request',
    'daemon-stopped',
    'daemon-started',
  ])
  assert.equal(statSync(file()).mode & 0o777, 0o600)
})

test('any changed byte is found', async () => {
  await write(3)
  const good = readFileSync(file())
  const known = anchor()
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at] = bad[at]! ^ 1
    writeFileSync(file(), bad)
    const { broken } = await verifyDirectory(directory, { anchor: known })
    assert.ok(broken, `byte ${at}`)
  }
  writeFileSync(file(), good)
  assert.equal((await verify()).broken, undefined)
})

test('any line that is removed, doubled, swapped with the next or cut off the end is found and named', async () => {
  await write(8)
  const lines = readFileSync(file(), 'utf8').trimEnd().split('\n')
  const attempt = async (changed: readonly string[]): Promise<string | undefined> => {
    writeFileSync(file(), changed.map((line) => `${line}\n`).join(''))
    return (await verify()).broken
  }
  assert.equal(await attempt(lines), undefined)
  for (let index = 0; index < lines.length; index++) {
    assert.ok(await attempt(lines.toSpliced(index, 1)), `without line ${index + 1}`)
    const doubled = await attempt(lines.toSpliced(index, 0, lines[index] ?? ''))
    assert.ok(doubled?.startsWith(`${file()}:${index + 2}: `), `${doubled}`)
    if (index + 1 < lines.length) {
      const swapped = await attempt(lines.with(index, lines[index + 1] ?? '').with(index + 1, lines[index] ?? ''))
      assert.ok(swapped?.startsWith(`${file()}:`), `${swapped}`)
    }
    assert.match((await attempt(lines.slice(0, index))) ?? '', /line number \d+ is missing/)
  }
})

test('a line that is cut off in the middle is found, and so are lines added at the end', async () => {
  await write(2)
  const { size } = statSync(file())
  const good = readFileSync(file())
  for (const cut of [1, 2, 80, 300]) {
    truncateSync(file(), size - cut)
    assert.match((await verify()).broken ?? '', /is missing/, `${cut} bytes`)
    writeFileSync(file(), good)
  }
  // A log of someone else's making, which is right in itself, in the place of ours.
  const other = mkdtempSync(join(tmpdir(), 'audit-'))
  const ours = { directory, store }
  directory = other
  store = openSqliteStore(':memory:')
  await write(2)
  copyFileSync(file(), join(ours.directory, 'audit.log'))
  await store[Symbol.asyncDispose]()
  rmSync(other, { recursive: true })
  ;({ directory, store } = ours)
  assert.match((await verify()).broken ?? '', /not the one that was noted/)
})

test('the next start notices what was cut off while the daemon was down, says so and goes on', async () => {
  await write(5)
  const lines = readFileSync(file(), 'utf8').split('\n')
  writeFileSync(file(), `${lines.slice(0, 3).join('\n')}\n`)
  await write(1)
  assert.deepEqual(events(), [
    'daemon-started',
    'request',
    'request',
    'log-broken',
    'daemon-started',
    'request',
    'daemon-stopped',
  ])
  await warnings.flush()
  assert.deepEqual(
    warnings.list().map(({ type, message }) => [type, message]),
    [['Audit log has been changed', 'lines are missing at the end: expected number 7, found 3']],
  )
  const { broken } = await verify()
  assert.equal(broken, `${file()}:4: its number is 8, that of the line before it 3`)
})

test('the next start notices a log that is gone', async () => {
  await write(1)
  rmSync(file())
  await write(1)
  assert.deepEqual(events(), ['log-broken', 'daemon-started', 'request', 'daemon-stopped'])
  assert.match((await verify()).broken ?? '', /line number 1 is missing/)
})

test('lines that were added while the daemon was down are noticed, though the chain is right', async () => {
  await write(1)
  const stopped = anchor()!
  await write(1)
  await store.commit([auditRecords(store).put(stopped, 'head')])
  assert.match((await verify()).broken ?? '', /line number 4 was not written by the daemon/)
  await write(0)
  assert.ok(events().includes('log-broken'))
})

test('an incomplete last line is removed and told of, and the chain goes on', async () => {
  const log = await start()
  log.append(entry)
  await log.durable()
  // What a daemon leaves that is killed while it writes, however far it came.
  const killed = readFileSync(file())
  const known = { ...(await log.anchor()), sequence: 1, hash: JSON.parse(killed.toString().split('\n')[0]!).hash }
  await log[Symbol.asyncDispose]()
  const lineLength = killed.length - killed.indexOf(10) - 1
  for (const written of [1, 10, lineLength - 1]) {
    writeFileSync(file(), killed.subarray(0, killed.indexOf(10) + 1 + written))
    await store.commit([auditRecords(store).put(known, 'head')])
    assert.match((await verify()).notes[0] ?? '', /incomplete/)
    await write(1)
    assert.deepEqual(events(), ['daemon-started', 'log-recovered', 'daemon-started', 'request', 'daemon-stopped'])
    const { broken, lines } = await verify()
    assert.deepEqual([broken, lines], [undefined, 5])
  }
})

test('full files are put aside, the oldest deleted, and the chain holds across them', async () => {
  settings = { ...settings, maxSize: 2000 }
  await write(10)
  await write(10)
  const names = readdirSync(directory).toSorted()
  assert.equal(names.length, 4)
  const { broken, first, last, notes } = await verify()
  assert.equal(broken, undefined)
  assert.ok(first > 1)
  assert.match(notes[0] ?? '', /deleted by rotation/)
  assert.ok(last >= 24, `${last}`)
  assert.ok(
    names
      .slice(0, -1)
      .flatMap((name) => events(join(directory, name)))
      .includes('log-cut') || events().includes('log-cut'),
  )
  for (const name of names) assert.ok(statSync(join(directory, name)).size <= 2000)

  // Part of the log is right by itself.
  const part = await verifyFiles([join(directory, names[1]!)])
  assert.equal(part.broken, undefined)
  // A file of the middle that is gone is missed, and so is the oldest.
  for (const name of names.slice(0, 3)) {
    const content = readFileSync(join(directory, name))
    rmSync(join(directory, name))
    assert.match((await verify()).broken ?? '', /:1: its number is|is missing/)
    writeFileSync(join(directory, name), content)
  }
})

test('a log that is replaced, cut or written to while it is open is noticed with the next line', async () => {
  for (const meddle of [
    () => rmSync(file()),
    () => truncateSync(file(), 100),
    () => appendFileSync(file(), '{"event":"request"}\n'),
  ]) {
    const log = await start()
    log.append(entry)
    meddle()
    log.append(entry)
    await log[Symbol.asyncDispose]()
    assert.ok(events().includes('log-broken'))
    assert.ok((await verify()).broken)
    rmSync(file())
    await store.commit([auditRecords(store).delete('head')])
  }
})

test('entries wait while the log cannot be written, and changes are refused where that is asked for', async () => {
  const log = await start()
  rmSync(directory, { recursive: true })
  writeFileSync(directory, 'not a directory')
  log.append(entry)
  log.checkMayChange()
  settings = { ...settings, required: true }
  assert.throws(() => log.checkMayChange(), /the audit log cannot be written/)
  await warnings.flush()
  assert.equal(warnings.list()[0]?.type, 'Audit log cannot be written')

  rmSync(directory)
  log.append(entry)
  assert.deepEqual(events(), ['log-broken', 'request', 'request', 'log-resumed'])
  log.checkMayChange()
  await warnings.flush()
  assert.equal(warnings.list().find(({ type }) => type.endsWith('cannot be written'))?.status, 'resolved')
  await log[Symbol.asyncDispose]()
})

test('a line noted elsewhere has to be in the log', async () => {
  await write(2)
  const [first = ''] = readFileSync(file(), 'utf8').split('\n')
  const { hash } = JSON.parse(first) as { hash: string }
  assert.equal((await verifyDirectory(directory, { expected: { sequence: 1, hash } })).broken, undefined)
  const other = 'a'.repeat(64)
  assert.ok((await verifyDirectory(directory, { expected: { sequence: 1, hash: other } })).broken)
  assert.ok((await verifyDirectory(directory, { expected: { sequence: 99, hash } })).broken)
})

test('a daemon that is killed between two files goes on with a new one', async () => {
  await write(3)
  renameSync(file(), join(directory, 'audit-000000000000001.log'))
  assert.equal((await verify()).broken, undefined)
  await write(1)
  assert.deepEqual(events(), ['daemon-started', 'request', 'daemon-stopped'])
  const { broken, lines } = await verify()
  assert.deepEqual([broken, lines], [undefined, 8])
})
