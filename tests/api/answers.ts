/** Whether what a daemon answers is what LXD's API says, envelope and content. */
import assert from 'node:assert/strict'
import { anonymous, complaints, pairs, surface } from './surface.ts'

/** Types of answers that LXD's specification gives otherwise than LXD itself. */
const corrected: Readonly<Record<string, string>> = {
  'GET /1.0/operations?recursion=1': 'map of Operation[]',
  'GET /1.0/instances/{name}?recursion=1': 'InstanceFull',
}

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

/** LXD's pairs as patterns of paths, those with the fewest parameters first: `images/aliases` is no image. */
const patterns = [...pairs]
  .map((pair) => {
    const [method = '', path = ''] = pair.split(' ')
    return { pair, method, pattern: new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll('{}', '[^/]+')}$`) }
  })
  .toSorted((a, b) => a.pair.split('{}').length - b.pair.split('{}').length)

/**
 * Asserts that an answer is as it must be, and gives the pair it belongs to, such as `GET /1.0/instances/{}`; none
 * where LXD has no such path.
 */
export function checkAnswer(request: { method: string; url: string }, answer: Answered): string | undefined {
  const { pathname, searchParams } = new URL(request.url, 'http://lxd')
  const found = patterns.find(({ method, pattern }) => method === request.method && pattern.test(pathname))
  const what = `${request.method} ${request.url} (${answer.status})`
  const isJson = answer.headers['content-type'] === 'application/json'
  if (answer.status >= 400) {
    if (request.method !== 'HEAD') assert.deepEqual(wrongError(answer), [], what)
    return found?.pair
  }
  if (!found) return undefined
  const type = replyType(found.pair, Number(searchParams.get('recursion') ?? 0))
  if (type === 'raw' && !isJson) return found.pair
  assert.ok(isJson, `${what} must be JSON`)
  assert.deepEqual(wrongAnswer(type, answer), [], what)
  return found.pair
}

/** The type that a method answers with at a level of recursion; the highest level that LXD knows counts. */
function replyType(pair: string, recursion: number): string {
  for (let level = recursion; level >= 0; level--) {
    const named = level === 0 ? pair : `${pair}?recursion=${level}`
    const [key, type] = Object.entries(surface.methods).find(([method]) => anonymous(method) === named) ?? []
    if (key !== undefined && type !== undefined) return corrected[key] ?? type
  }
  return 'empty'
}

function wrongAnswer(type: string, { status, headers, body }: Answered): string[] {
  const envelope = body as Readonly<Record<string, unknown>>
  const fields = ['type', 'status', 'status_code', 'operation', 'error_code', 'error', 'metadata']
  const wrong = fields.filter((field) => !(field in envelope)).map((field) => `the envelope lacks "${field}"`)
  const expect = (field: string, value: unknown) => {
    if (envelope[field] !== value) wrong.push(`"${field}" must be ${JSON.stringify(value)}`)
  }
  expect('error_code', 0)
  expect('error', '')
  if (status === 202) {
    expect('type', 'async')
    expect('status', 'Operation created')
    expect('status_code', 100)
    expect('operation', headers['location'])
    return [...wrong, ...complaints('Operation', envelope['metadata'])]
  }
  expect('type', 'sync')
  expect('status', 'Success')
  expect('status_code', 200)
  expect('operation', '')
  if (status === 201 && typeof headers['location'] !== 'string') wrong.push('a new thing has a Location')
  if (type === 'operation') wrong.push('the answer must be an operation')
  // LXD's own handlers give some objects where the specification has nothing, as token and secret.
  return type === 'empty' || status === 201 ? wrong : [...wrong, ...complaints(type, envelope['metadata'])]
}

function wrongError({ status, body }: Answered): string[] {
  const envelope = body as Readonly<Record<string, unknown>>
  const expected = { type: 'error', status: '', status_code: 0, operation: '', error_code: status, metadata: null }
  const wrong = Object.entries(expected).filter(([field, value]) => envelope[field] !== value)
  const text = envelope['error']
  return [
    ...wrong.map(([field, value]) => `"${field}" must be ${JSON.stringify(value)}`),
    ...(typeof text === 'string' && text !== '' ? [] : ['"error" must say what is wrong']),
  ]
}
