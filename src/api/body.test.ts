import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJson } from './body.ts'

function makeStream() {
  const stream = new PassThrough()
  let closed = 0
  const request = Object.assign(stream, { socket: { destroy: () => void closed++ } }) as unknown as IncomingMessage
  return { stream, request, closed: () => closed }
}

test('a body is read whole, in whatever pieces it comes; an empty one is an empty object', async () => {
  const { stream, request } = makeStream()
  const read = readJson(request, { trusted: true })
  for (const piece of ['{"a"', ':', '1}']) {
    stream.write(piece)
    await sleep(1)
  }
  stream.end()
  assert.deepEqual(await read, { a: 1 })

  const empty = makeStream()
  empty.stream.end()
  assert.deepEqual(await readJson(empty.request, { trusted: false }), {})
})

test('strangers have less room than known clients', async () => {
  const text = JSON.stringify('x'.repeat(300_000))
  const known = makeStream()
  known.stream.end(text)
  assert.equal(((await readJson(known.request, { trusted: true })) as string).length, 300_000)
  const stranger = makeStream()
  stranger.stream.end(text)
  await assert.rejects(readJson(stranger.request, { trusted: false }), /larger than 262144 bytes/)
})

test('a body that does not come to its end is given up, and its connection with it', async () => {
  const { stream, request, closed } = makeStream()
  const dribble = setInterval(() => stream.write(' '), 5)
  await assert.rejects(readJson(request, { trusted: false }, { bytes: 1000, time: 50 }), /not complete after 0.05 sec/)
  await sleep(1100)
  clearInterval(dribble)
  assert.equal(closed(), 1)

  const gone = makeStream()
  const read = readJson(gone.request, { trusted: true })
  gone.stream.write('{')
  gone.stream.destroy()
  await assert.rejects(read, /ended early/)
})

test('what is no JSON is refused', async () => {
  const { stream, request } = makeStream()
  stream.end('{')
  await assert.rejects(readJson(request, { trusted: true }), /expected JSON/)
})
