import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { routes } from '#api/all.ts'
import { silentLog } from '#base/log.ts'
import { accessTable, mark, pairsOf, rowOf, rowText } from './access-table.ts'
import type { Row } from './access-table.ts'
import { TestDaemon } from './daemon.ts'
import { callerNames, Impersonation } from './impersonation.ts'
import type { Caller, RawAnswer } from './impersonation.ts'
import { harmless, label, missingId, projects, Scene } from './scene.ts'
import type { Things } from './scene.ts'

let daemon: TestDaemon
let scene: Scene
let api: Impersonation
before(async () => {
  daemon = await TestDaemon.start()
  scene = await Scene.make(daemon)
  api = await Impersonation.start(daemon, silentLog)
})
after(async () => {
  scene[Symbol.dispose]()
  await api[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
})

const declared = pairsOf(routes)

/** The clients that may see p1 and nothing else, or nothing at all. */
const insiders = callerNames.filter((name) => name === 'restricted' || name.startsWith('p1 '))
const outsiders = ['anonymous', 'metrics', 'unnamed'] as const

async function send(as: Caller, pair: string, project: string): Promise<RawAnswer> {
  const request = scene.request(pair, project)
  return request.method === 'UPGRADE' ? await api.knock(as, request.url) : await api.call(as, request)
}

test('every method and websocket of every route has a row in the table, and there are no other rows', () => {
  const rows = new Set(declared.map(rowOf))
  assert.deepEqual(
    [...rows].filter((pair) => !accessTable.has(pair)),
    [],
    'missing in tests/api/access-table.ts',
  )
  assert.deepEqual(
    [...accessTable.keys()].filter((pair) => !rows.has(pair)),
    [],
    'in tests/api/access-table.ts, but not served',
  )
})

/** All answers to a pair, in the order of the marks. */
type Answers = readonly [RawAnswer, RawAnswer, RawAnswer, RawAnswer]
const answers = new Map<string, Readonly<Record<Caller, Answers>>>()

test('what each kind of client may do, in which project, is what the table says', async () => {
  const wrong: string[] = []
  for (const pair of declared) {
    const row: [Caller, string][] = []
    const got: [Caller, RawAnswer[]][] = []
    for (const as of callerNames) {
      const four: RawAnswer[] = []
      for (const project of [projects.default, projects.shown, projects.hidden, projects.missing]) {
        const answer = await send(as, pair, project)
        if (pair.startsWith('DELETE') && answer.status < 300) await scene.mend(answer)
        four.push(answer)
      }
      row.push([as, four.map((answer) => mark(answer, `${as}: ${pair}`)).join('')])
      got.push([as, four])
    }
    answers.set(pair, Object.fromEntries(got) as unknown as Record<Caller, Answers>)
    const found = rowText(pair, Object.fromEntries(row) as Row)
    const expected = accessTable.get(rowOf(pair))
    if (!expected || found !== rowText(pair, expected)) wrong.push(found)
  }
  assert.deepEqual(wrong, [], 'not as in tests/api/access-table.ts')
})

test('a project that a client may not view is answered to the byte as one that does not exist', () => {
  const comparable = ({ status, headers: { date: _date, ...headers }, text }: RawAnswer, blind: RegExp) => [
    status,
    JSON.stringify(headers).replaceAll(blind, '…'),
    text.replaceAll(blind, '…'),
  ]
  const { operation } = scene.of(projects.hidden)
  const blind = new RegExp([projects.hidden, projects.missing, operation, missingId].join('|'), 'g')
  let compared = 0
  for (const pair of declared) {
    for (const as of [...outsiders, ...insiders]) {
      if (isForMetrics(as, pair)) continue
      const [, , hidden, missing] = answers.get(pair)?.[as] ?? []
      assert.ok(hidden && missing)
      assert.deepEqual(comparable(hidden, blind), comparable(missing, blind), `${as}: ${pair}`)
      compared++
    }
  }
  assert.equal(compared, declared.length * 8 - 1)
})

/** What a certificate for metrics is for, and the one thing it tells of: instances of all projects by name. */
const isForMetrics = (as: Caller, pair: string) => as === 'metrics' && pair === 'GET /1.0/metrics'

/** Every text that tells of what is in a project other than p1. */
function canaries(): RegExp {
  const others = [projects.hidden, projects.default].map((project) => [project, scene.of(project)] as const)
  const texts = others.flatMap(([project, { fingerprint, operation, secret }]: readonly [string, Things]) => [
    label(project),
    fingerprint,
    operation,
    secret,
  ])
  return new RegExp(texts.join('|'))
}

const scopes = ['', 'project=p1', 'all-projects=true'].flatMap((scope) =>
  [0, 1, 2].map((n) => `${scope}&recursion=${n}`),
)
const queriesOfLists = [...scopes, 'project=p1&all-projects=true&recursion=1', 'filter=name%20ne%20x&recursion=1']

test('nothing that a client can get names what is in a project it may not view', async () => {
  const canary = canaries()
  const gets = declared.filter((pair) => pair.startsWith('GET'))
  const seenByAdmin = new Set<string>()
  for (const pair of gets) {
    for (const as of [...outsiders, ...insiders, 'admin'] as const) {
      for (const query of queriesOfLists) {
        const url = `${scene.path(pair, projects.shown)}?${query}&${harmless(pair)}`
        const { headers, text } = await api.call(as, { method: 'GET', url })
        const found = canary.exec(JSON.stringify(headers) + text)
        if (as === 'admin' && found) seenByAdmin.add(pair)
        if (as !== 'admin' && !isForMetrics(as, pair))
          assert.equal(found, null, `${as}: GET ${url} tells of ${found?.[0]}: ${text}`)
      }
    }
  }
  // The control: these tell whom they may.
  for (const list of ['instances', 'operations', 'projects', 'images', 'profiles', 'networks', 'storage-pools']) {
    assert.ok(seenByAdmin.has(`GET /1.0/${list}`), list)
  }
})

test('events tell nobody of a project that he may not view', async () => {
  const canary = canaries()
  const heard = new Map<string, string[]>()
  const sockets = await Promise.all(
    ([...insiders, 'admin'] as const).flatMap((as) =>
      ['?project=p1', '?all-projects=true', '?all-projects=true&type=operation,lifecycle'].map(async (query) => {
        const socket = api.connect(as, `/1.0/events${query}`)
        const texts: string[] = []
        heard.set(`${as} ${query}`, texts)
        socket.on('message', (data: Buffer) => texts.push(data.toString()))
        await once(socket, 'open')
        return socket
      }),
    ),
  )
  for (const project of [projects.default, projects.hidden, projects.shown]) {
    const { stopped, profile } = scene.of(project)
    await daemon.ok('PUT', `/1.0/instances/${stopped}/state?project=${project}`, { body: { action: 'start' } })
    await daemon.ok('PATCH', `/1.0/profiles/${profile}?project=${project}`, { body: { description: 'changed' } })
    await daemon.ok('PUT', `/1.0/instances/${stopped}/state?project=${project}`, {
      body: { action: 'stop', force: true },
    })
  }
  for (const socket of sockets) {
    const closed = once(socket, 'close')
    socket.close()
    await closed
  }
  for (const [who, texts] of heard) {
    const all = texts.join('\n')
    assert.match(all, /p1-stopped/, `${who} hears of p1`)
    // The control: who may hear of everything does.
    if (who.startsWith('admin ?all')) assert.match(all, canary, who)
    else if (!who.startsWith('admin')) assert.doesNotMatch(all, canary, who)
  }
})
