import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { Operations } from './operations.ts'

function makeOperations(): Operations {
  return new Operations({ events: new Events({ log: silentLog }), log: silentLog })
}

const forEver = () => new Promise<void>(() => {})

test('what fails is undone, newest first, before the operation is over', async () => {
  const steps: string[] = []
  const operation = makeOperations().start({
    description: 'Working',
    project: 'default',
    async work({ undo }) {
      undo.add('first', () => steps.push('first'))
      undo.add('second', () => steps.push('second'))
      throw new Error('no luck')
    },
  })
  await operation.done
  assert.deepEqual(steps, ['second', 'first'])
  assert.equal(operation.status, 'Failure')
  assert.throws(() => operation.rethrow(), /no luck/)
})

test('a cancelled operation stops its work and undoes it; one that may not be cancelled refuses', async () => {
  const operations = makeOperations()
  const options = { description: 'Working', project: 'default', work: forEver }
  assert.throws(() => operations.start(options).cancel(), /can not be cancelled/)

  let undone = false
  const operation = operations.start({
    ...options,
    mayCancel: true,
    async work({ signal, undo }) {
      undo.add('it', () => (undone = true))
      const { promise, reject } = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => reject(new Error('stopped')))
      await promise
    },
  })
  await new Promise((resolve) => setImmediate(resolve))
  operation.cancel()
  await operation.done
  assert.equal(operation.status, 'Cancelled')
  assert.ok(undone)
})

test('a daemon that stops waits for work, and not for sessions of clients', async () => {
  const operations = makeOperations()
  operations.start({ description: 'Executing command', project: 'default', work: forEver, accept: () => () => {} })
  let finished = false
  operations.start({
    description: 'Working',
    project: 'default',
    async work() {
      await new Promise((resolve) => setTimeout(resolve, 50))
      finished = true
    },
  })
  await operations.finish(60_000)
  assert.ok(finished)
})

test('secrets are told to whoever started the operation, and to nobody else', () => {
  const operation = makeOperations().start({
    description: 'Executing command',
    project: 'default',
    metadata: { command: ['true'] },
    privateMetadata: { fds: { 0: 'secret' } },
    work: forEver,
    accept: () => () => {},
  })
  assert.ok(JSON.stringify(operation.toJson(true)).includes('secret'))
  assert.ok(!JSON.stringify(operation.toJson()).includes('secret'))
})
