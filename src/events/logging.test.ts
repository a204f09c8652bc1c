import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from './events.ts'
import type { Event } from './events.ts'
import { logToEvents } from './logging.ts'

test('a line of the log goes to the log and out as an event', () => {
  const events = new Events({ log: silentLog })
  const heard: Event[] = []
  events.subscribe((event) => heard.push(event))
  const written: unknown[] = []
  const log = logToEvents({ ...silentLog, warn: (...line) => written.push(line) }, events)

  log.warn('A pool is full', { pool: 'default', left: 0 })

  assert.deepEqual(written, [['A pool is full', { pool: 'default', left: 0 }]])
  assert.deepEqual(
    heard.map(({ type, metadata }) => ({ type, metadata })),
    [
      {
        type: 'logging',
        metadata: { message: 'A pool is full', level: 'warning', context: { pool: 'default', left: '0' } },
      },
    ],
  )
})
