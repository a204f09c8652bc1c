import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { TestDaemon } from './daemon.ts'

async function start(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'default', driver: daemon.host.drivers[0]?.name } })
  const devices = { root: { type: 'disk', path: '/', pool: 'default' } }
  const config = { 'environment.FROM': 'the instance' }
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', source: { type: 'none' }, devices, config } })
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'start', timeout: -1 } })
  return daemon
}

const exec = '/1.0/instances/c1/exec'

/** What a test needs of the operation of a command that has just been started. */
interface Started {
  readonly id: string
  readonly metadata: { readonly fds: Readonly<Record<string, string>> }
}

/** Connects to a channel of a command and gathers what comes out of it until it is closed. */
async function connect(daemon: TestDaemon, operation: Started, channel: string) {
  const url = `ws+unix:${join(daemon.directory, 'unix.socket')}:/1.0/operations/${operation.id}/websocket`
  const socket = new WebSocket(`${url}?secret=${operation.metadata.fds[channel]}`)
  let received = ''
  socket.on('message', (data: Buffer, binary) => (received += binary ? data.toString() : ''))
  const closed = once(socket, 'close').then(() => received)
  await once(socket, 'open')
  return { socket, closed }
}

test('a command runs over websockets', async () => {
  await using daemon = await start()
  const body = { command: ['cat'], environment: { A: 'b' }, 'wait-for-websocket': true }
  const { body: started } = await daemon.call('POST', exec, { body })
  const operation = started.metadata
  assert.equal(operation.class, 'websocket')
  assert.deepEqual(operation.resources, { instances: ['/1.0/instances/c1'], containers: ['/1.0/containers/c1'] })
  assert.deepEqual(Object.keys(operation.metadata.fds).toSorted(), ['0', '1', '2', 'control'])
  assert.deepEqual(operation.metadata.command, ['cat'])
  assert.equal(operation.metadata.environment.A, 'b')
  assert.equal(operation.metadata.environment.FROM, 'the instance')
  assert.equal(operation.metadata.interactive, false)

  const [input, output] = await Promise.all(
    ['0', '1', '2', 'control'].map((channel) => connect(daemon, operation, channel)),
  )
  input?.socket.send(Buffer.from('through'))
  input?.socket.send('')
  assert.equal(await output?.closed, 'through')
  const over = await daemon.ok('GET', `/1.0/operations/${operation.id}/wait`)
  assert.equal(over.metadata.return, 0)
})

test('the secrets of a command are told to nobody but who started it, and a wrong one opens nothing', async () => {
  await using daemon = await start()
  const body = { command: ['sleep'], 'wait-for-websocket': true, interactive: true }
  const { body: started } = await daemon.call('POST', exec, { body })
  const { id, metadata } = started.metadata
  assert.deepEqual(Object.keys(metadata.fds).toSorted(), ['0', 'control'])
  for (const url of ['/1.0/operations?recursion=1', `/1.0/operations/${id}`]) {
    assert.doesNotMatch(JSON.stringify(await daemon.ok('GET', url)), /[0-9a-f]{64}/)
  }
  for (const secret of ['', 'x', metadata.fds[0].slice(1)]) {
    const url = `ws+unix:${join(daemon.directory, 'unix.socket')}:/1.0/operations/${id}/websocket?secret=${secret}`
    const [error] = (await once(new WebSocket(url), 'error')) as [Error]
    assert.match(error.message, /403/)
  }
  const { socket } = await connect(daemon, started.metadata, '0')
  socket.terminate()
  const over = await daemon.call('GET', `/1.0/operations/${id}/wait`)
  assert.equal(over.body.metadata.metadata.return, 129)
})

test('a recorded command leaves its output in log files, which can be read and deleted', async () => {
  await using daemon = await start()
  const { metadata } = await daemon.ok('POST', exec, { body: { command: ['echo', 'hi'], 'record-output': true } })
  assert.equal(metadata.return, 0)
  const { 1: output, 2: errors } = metadata.output
  assert.match(output, /^\/1\.0\/instances\/c1\/logs\/exec_[0-9a-f-]{36}\.stdout$/)
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances/c1/logs'), [errors, output])

  const read = await daemon.call('GET', output)
  assert.deepEqual([read.status, read.body], [200, 'hi\n'])
  assert.equal(read.headers['content-type'], 'application/octet-stream')
  assert.equal(read.headers['content-disposition'], `inline;filename=${output.split('/').at(-1)}`)
  assert.deepEqual((await daemon.call('GET', errors)).body, '')
  await daemon.ok('DELETE', output)
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances/c1/logs'), [errors])
  assert.equal((await daemon.refused('GET', output)).status, 404)
})

test('a command without either leaves its exit code only', async () => {
  await using daemon = await start()
  const { metadata } = await daemon.ok('POST', exec, { body: { command: ['exit', '7'] } })
  assert.deepEqual(metadata, { return: 7 })
  const none = await daemon.refused('POST', exec, { body: { command: ['nothing'] } })
  assert.equal(none.error, 'Command not found')
  const denied = await daemon.refused('POST', exec, { body: { command: ['exit', '126'] } })
  assert.equal(denied.error, 'Command not executable')
})

test('a command that can not be, or in an instance that does not run, is refused', async () => {
  await using daemon = await start()
  for (const [body, error] of [
    [{}, /"command"/],
    [{ command: 'true' }, /"command" must be a list/],
    [{ command: ['true'], cwd: 'x' }, /"cwd"/],
    [{ command: ['true'], user: -1 }, /"user"/],
    [{ command: ['true'], width: 70_000 }, /"width"/],
    [{ command: ['true'], environment: { 'A=': 'b' } }, /"environment"/],
  ] as const) {
    const refused = await daemon.refused('POST', exec, { body })
    assert.equal(refused.status, 400)
    assert.match(refused.error, error)
  }
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'freeze', timeout: -1 } })
  assert.match((await daemon.refused('POST', exec, { body: { command: ['true'] } })).error, /frozen/)
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'stop', force: true, timeout: -1 } })
  const stopped = await daemon.refused('POST', exec, { body: { command: ['true'] } })
  assert.deepEqual(stopped, { status: 400, error: 'Instance is not running' })
  assert.equal((await daemon.refused('POST', '/1.0/instances/no/exec', { body: { command: ['true'] } })).status, 404)
})

test('no name leads out of the log files that are there', async () => {
  await using daemon = await start()
  await daemon.ok('POST', exec, { body: { command: ['true'], 'record-output': true } })
  const directory = join(daemon.directory, 'logs', 'c1')
  writeFileSync(join(directory, 'lxc.conf'), 'x')
  writeFileSync(join(directory, 'console.log'), 'secret')
  writeFileSync(join(daemon.directory, 'secret'), 'secret')
  for (const name of [
    'console.log',
    'lxc.log.old',
    'exec_',
    'exec_..%2F..%2Fsecret',
    '..%2F..%2Fsecret',
    '%2e%2e',
    'exec_x.stdout',
  ]) {
    for (const method of ['GET', 'DELETE']) {
      const { status, body } = await daemon.call(method, `/1.0/instances/c1/logs/${name}`)
      assert.ok(status >= 400 && status < 500, `${method} ${name}: ${status}`)
      assert.doesNotMatch(JSON.stringify(body), /"secret"/)
    }
  }
  assert.match((await daemon.refused('DELETE', '/1.0/instances/c1/logs/lxc.conf')).error, /may not be deleted/)
})
