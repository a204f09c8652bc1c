import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { silentLog } from '#base/log.ts'
import type { Log } from '#base/log.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callerNames, Impersonation } from '../api/impersonation.ts'
import type { Caller, RawAnswer } from '../api/impersonation.ts'
import { canary, projects, Scene } from '../api/scene.ts'
import { RequestMaker } from './fuzz-requests.ts'
import type { FuzzRequest } from './fuzz-requests.ts'

/** To try others: FUZZ_SEED=2 FUZZ_REQUESTS=100000 node --test tests/attack/fuzz.test.ts */
const seed = Number(process.env['FUZZ_SEED'] ?? 1)
const requestsEach = Math.ceil(Number(process.env['FUZZ_REQUESTS'] ?? 10_000) / callerNames.length)

/** How many requests are under way at a time. */
const abreast = 8

/** The longest any answer may take, in milliseconds. */
const patience = 20_000

/** By how much the heap may have grown when all is over, in bytes. */
const growth = 48 << 20

const inProjects = ['instances', 'images', 'image-aliases', 'profiles'] as const
const inP1 = inProjects.map((kind) => `/${kind}/p1/`)

/** Below which keys of the store each kind of client can have changed anything. */
const reach: Readonly<Record<Caller, readonly string[]>> = {
  anonymous: [],
  metrics: [],
  unnamed: [],
  restricted: inP1,
  'p1 viewer': [],
  'p1 operator': ['/instances/p1/'],
  'p1 manager': inP1,
  'p1 admin': [...inP1, '/projects/p1'],
  viewer: [],
  operator: ['/instances/'],
  manager: [...inProjects, 'networks'].map((kind) => `/${kind}/`),
  admin: ['/'],
}

/** What is in the projects that those who have p1 have nothing of. */
const canaries = [projects.hidden, projects.default].map(canary)
const isConfined = (as: Caller) => !['viewer', 'operator', 'manager', 'admin'].includes(as)

/** All that the daemon has written, by key. Read from a copy: the file itself is the daemon's alone. */
function storeOf({ directory }: TestDaemon): Map<string, string> {
  const copy = mkdtempSync(join(tmpdir(), 'lxd-store-'))
  try {
    for (const name of ['lxd.db', 'lxd.db-wal']) {
      const from = join(directory, 'database', name)
      if (existsSync(from)) copyFileSync(from, join(copy, name))
    }
    using database = new DatabaseSync(join(copy, 'lxd.db'))
    const rows = database.prepare('SELECT key, value FROM entries').all()
    return new Map(rows.map((row) => [String(row['key']), String(row['value'])]))
  } finally {
    rmSync(copy, { recursive: true })
  }
}

function changedKeys(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  // What was tried is written down, of course.
  return [...keys].filter((key) => key !== '/audit/head' && before.get(key) !== after.get(key))
}

/** Operations that went on after their answer are over. */
async function settle({ daemon }: TestDaemon): Promise<void> {
  const under = () => daemon.services.operations.list().filter((one) => !one.final && one.class === 'task').length
  for (let tries = 0; under() > 0 && tries < 200; tries++) await sleep(20)
  await daemon.services.warnings.flush()
}

/** A log that keeps what must never be in it: errors of the program rather than of those who use it. */
function makeLog(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = []
  return { errors, log: { ...silentLog, error: (message, more) => errors.push(`${message}: ${JSON.stringify(more)}`) } }
}

async function send(api: Impersonation, as: Caller, request: FuzzRequest): Promise<RawAnswer> {
  const stop = new AbortController()
  const late = sleep(patience, undefined, { signal: stop.signal }).then(
    () => assert.fail(`No answer in ${patience} ms`),
    () => assert.fail('stopped'),
  )
  try {
    const answer = request.method === 'UPGRADE' ? api.knock(as, request.url) : api.call(as, request)
    return await Promise.race([answer, late])
  } finally {
    stop.abort()
    late.catch(() => {})
  }
}

function describe({ pair, url, headers, body }: FuzzRequest): string {
  return `${pair} as ${url} ${JSON.stringify(headers)} ${String(body ?? '').slice(0, 2000)}`
}

interface Outcome {
  readonly wrong: readonly string[]
  /** How many events someone heard who may view p1. */
  readonly overheard: number
  /** How often each status came. */
  readonly statuses: ReadonlyMap<number, number>
  readonly changed: readonly string[]
}

/** Listens as someone who may view p1 to all that happens meanwhile; none of it may be of another project. */
async function overhear(api: Impersonation, wrong: string[]): Promise<Disposable & { count: number }> {
  const socket = api.connect('p1 viewer', '/1.0/events?all-projects=true')
  const heard = { count: 0, [Symbol.dispose]: () => socket.terminate() }
  socket.on('message', (data: Buffer) => {
    heard.count++
    const { project } = JSON.parse(data.toString()) as { project: string }
    const told = canaries.find((one) => data.includes(one))
    if (project !== projects.shown || told) wrong.push(`overheard: ${data.toString().slice(0, 1000)}`)
  })
  await once(socket, 'open')
  return heard
}

/** Sends random requests as one kind of client; gives what came of it. */
async function fuzz(as: Caller): Promise<Outcome> {
  const { log, errors } = makeLog()
  await using daemon = await TestDaemon.start({ log })
  using scene = await Scene.make(daemon)
  await using api = await Impersonation.start(daemon, log)
  await settle(daemon)
  const before = storeOf(daemon)
  const wrong: string[] = []
  using overhearing = await overhear(api, wrong)
  const maker = new RequestMaker(seed * 1000 + callerNames.indexOf(as), scene)
  const statuses = new Map<number, number>()
  let left = requestsEach
  const worker = async () => {
    while (left-- > 0) {
      const request = maker.next()
      try {
        const { status, text } = await send(api, as, request)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status >= 500 && status !== 501) wrong.push(`${status} ${text} to ${describe(request)}`)
        else if (status >= 400 && request.method !== 'HEAD') assert.notEqual(JSON.parse(text).error, '')
        const told = isConfined(as) && canaries.find((one) => text.includes(one))
        if (told) wrong.push(`${told} told in ${text.slice(0, 1000)} to ${describe(request)}`)
      } catch (error) {
        wrong.push(`${String(error)} to ${describe(request)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: abreast }, worker))
  await settle(daemon)
  // The control: it is still there, and all is where it was.
  await daemon.ok('GET', '/1.0/instances?recursion=2&all-projects=true')
  return {
    wrong: [...wrong, ...errors],
    overheard: overhearing.count,
    statuses,
    changed: changedKeys(before, storeOf(daemon)),
  }
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

let heapBefore = 0
const all = { changed: 0, overheard: 0 }

for (const as of callerNames) {
  test(`${requestsEach} random requests from ${as} find no error of ours and change nothing out of reach`, async (t) => {
    const { wrong, statuses, changed, overheard } = await fuzz(as)
    t.diagnostic(
      `seed ${seed}: ${JSON.stringify(Object.fromEntries(statuses))}, ${changed.length} records changed, ${overheard} events`,
    )
    assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} in all`)
    const outside = changed.filter((key) => !reach[as].some((prefix) => key.startsWith(prefix)))
    assert.deepEqual(outside, [])
    all.changed += changed.length
    all.overheard += overheard
    heapBefore ||= heapUsed()
  })
}

test('the control: who may change something has done so, and it was heard of', () => {
  assert.ok(all.changed > 10 && all.overheard > 10, JSON.stringify(all))
})

test('none of that stays in memory', () => {
  const grown = heapUsed() - heapBefore
  assert.ok(grown < growth, `${Math.round(grown / 2 ** 20)} MiB more`)
})
