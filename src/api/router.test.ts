import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { fakeIdentity } from '#auth/fake-identity.ts'
import { stranger } from '#auth/identity.ts'
import { conflict } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { silentAudit } from '#audit/silent-audit.ts'
import { Events } from '#events/events.ts'
import { Operations } from '#operations/operations.ts'
import { routes as realRoutes } from './all.ts'
import { created, done, operation, sync } from './reply.ts'
import { route } from './route.ts'
import { makeRouter } from './router.ts'
import type { RouterOptions } from './router.ts'

const administrator = fakeIdentity([{ role: 'admin' }])

function makeOptions(more: Partial<RouterOptions> = {}): RouterOptions {
  const events = new Events({ log: silentLog })
  const operations = new Operations({ events, log: silentLog })
  const things = [
    route('/1.0/things/{name}', {
      get: {
        doc: 'Get.',
        access: 'view',
        handle: (_services, { params }) => sync({ name: params.name }, [params.name]),
      },
      put: {
        doc: 'Put.',
        access: 'view',
        body: Type.Object({ size: Type.Integer() }),
        handle(_services, { params, body, checkEtag }) {
          checkEtag([params.name])
          return sync(body.size)
        },
      },
      delete: {
        doc: 'Delete.',
        access: 'view',
        handle: () => Promise.reject(conflict('Cannot delete', { cause: new Error('it is used') })),
      },
    }),
    route('/1.0/things', {
      post: { doc: 'Post.', access: 'untrusted', handle: () => created('/1.0/things/x') },
      get: { doc: 'Get.', access: 'untrusted', handle: () => Promise.reject(new TypeError('a bug')) },
      patch: {
        doc: 'Start.',
        access: 'view',
        handle: (services) =>
          operation(
            services.operations.start({
              description: 'Working',
              project: 'default',
              privateMetadata: { fds: { 0: 'secret' } },
              work: async ({ metadata }) => metadata({ answer: 42 }),
            }),
          ),
      },
      put: { doc: 'Early.', access: 'view', early: true, handle: () => done() },
    }),
  ]
  return {
    routes: [...things, ...realRoutes],
    services: { events, operations, shutdown: async () => {} } as unknown as RouterOptions['services'],
    log: silentLog,
    ready: () => true,
    identify: async () => administrator,
    audit: silentAudit,
    projects: { has: (name) => name === 'default', effective: (name) => name },
    ...more,
  }
}

test('a sync reply has the envelope of LXD and an ETag', async () => {
  const app = makeRouter(makeOptions())
  const reply = await app.inject('/1.0/things/a%20b')
  assert.equal(reply.statusCode, 200)
  assert.deepEqual(reply.json(), {
    type: 'sync',
    status: 'Success',
    status_code: 200,
    operation: '',
    error_code: 0,
    error: '',
    metadata: { name: 'a b' },
  })
  assert.match(String(reply.headers.etag), /^"[0-9a-f]{64}"$/)
})

test('a change with an outdated ETag is refused with 412', async () => {
  const app = makeRouter(makeOptions())
  const { etag } = (await app.inject('/1.0/things/a')).headers
  const put = (ifMatch: string) =>
    app.inject({ method: 'PUT', url: '/1.0/things/a', headers: { 'if-match': ifMatch }, payload: { size: 3 } })
  assert.equal((await put(String(etag))).json().metadata, 3)
  const refused = await put('"0000"')
  assert.equal(refused.statusCode, 412)
  assert.equal(refused.json().error_code, 412)
})

test('what was made is told by status 201 and a location', async () => {
  const reply = await makeRouter(makeOptions()).inject({ method: 'POST', url: '/1.0/things' })
  assert.equal(reply.statusCode, 201)
  assert.equal(reply.headers.location, '/1.0/things/x')
})

test('an operation is answered with 202, its secrets told to its creator only', async () => {
  const app = makeRouter(makeOptions())
  const reply = await app.inject({ method: 'PATCH', url: '/1.0/things' })
  assert.equal(reply.statusCode, 202)
  const { type, status_code: code, operation: url, metadata } = reply.json()
  assert.deepEqual([type, code, metadata.metadata], ['async', 100, { fds: { 0: 'secret' } }])
  assert.equal(reply.headers.location, url)
  const waited = (await app.inject(`${url}/wait?timeout=5`)).json().metadata
  assert.deepEqual([waited.status, waited.status_code, waited.metadata], ['Success', 200, { answer: 42 }])
})

test('an error tells its chain of causes', async () => {
  const reply = await makeRouter(makeOptions()).inject({ method: 'DELETE', url: '/1.0/things/a' })
  assert.equal(reply.statusCode, 409)
  assert.deepEqual(reply.json(), {
    type: 'error',
    status: '',
    status_code: 0,
    operation: '',
    error_code: 409,
    error: 'Cannot delete: it is used',
    metadata: null,
  })
})

test('bad requests name what is wrong', async () => {
  const app = makeRouter(makeOptions())
  const put = (payload: string) =>
    app.inject({ method: 'PUT', url: '/1.0/things/a', payload, headers: { 'content-type': 'text/plain' } })
  for (const [payload, message] of [
    ['{', /expected JSON/],
    ['{"size":"x"}', /size/],
    ['[]', /object/],
  ] as const) {
    const reply = await put(payload)
    assert.equal(reply.statusCode, 400, payload)
    assert.match(reply.json().error, message)
  }
  assert.equal((await app.inject('/1.0/operations/none/wait?timeout=x')).statusCode, 400)
})

test('a bug becomes a 500, an unknown path a 404, a method the path does not have a 501', async () => {
  const app = makeRouter(makeOptions())
  assert.equal((await app.inject('/1.0/things')).statusCode, 500)
  assert.deepEqual((await app.inject('/1.0/nothing')).json().error_code, 404)
  assert.deepEqual((await app.inject({ method: 'DELETE', url: '/1.0/things' })).json().error_code, 501)
})

test('an untrusted client gets only what is marked for it', async () => {
  const app = makeRouter(makeOptions({ identify: async () => stranger('192.0.2.1:1') }))
  assert.equal((await app.inject({ method: 'POST', url: '/1.0/things' })).statusCode, 201)
  assert.equal((await app.inject('/1.0/things/a')).statusCode, 403)
  assert.equal((await app.inject('/1.0/operations')).statusCode, 403)
})

test('before the daemon is ready only early methods answer', async () => {
  const app = makeRouter(makeOptions({ ready: () => false }))
  assert.equal((await app.inject('/1.0/things/a')).statusCode, 503)
  assert.equal((await app.inject({ method: 'PUT', url: '/1.0/things' })).statusCode, 200)
})
