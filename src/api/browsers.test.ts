import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import type { Door } from '#auth/connections.ts'
import { inspect, noBrowsers } from './browsers.ts'
import type { BrowserPolicy } from './browsers.ts'

const own: BrowserPolicy = { ...noBrowsers, hosts: new Set(['lxd.example.org', 'localhost']) }

/** What is made of a request with these headers: the status it is refused with, or the headers of its answer. */
function look(headers: readonly (readonly [string, string])[], policy = own, door: Door = 'tls', url = '/1.0') {
  const first = (name: string) => headers.find(([one]) => one.toLowerCase() === name)?.[1]
  const request = { url, rawHeaders: headers.flat(), headers: { host: first('host'), origin: first('origin') } }
  const { refusal, headers: answered } = inspect(request as unknown as IncomingMessage, door, policy)
  return refusal ? refusal.code : Object.fromEntries(answered)
}

test('programs go by any name, and are asked for nothing but one host', () => {
  for (const host of ['lxd.example.org:8443', 'any.name', '10.1.2.3:8443', '[fd42::1]:8443', '[::1]', 'my_host', ''])
    assert.deepEqual(look([['Host', host]]), {}, host)
  for (const host of ['a b', 'a/b', 'a@b', 'a:b', 'a:1:2', '[::1', 'fd42::1', 'a,b', '<x>', 'a:123456'])
    assert.equal(look([['Host', host]]), 400, host)
  const twice = [
    ['Host', 'a'],
    ['host', 'b'],
  ] as const
  assert.equal(look(twice), 400)
  assert.equal(look(twice, own, 'unix'), 400)
  // Clients of a Unix socket put what they like there: its path, percent-encoded.
  assert.deepEqual(look([['Host', '%2Fvar%2Flib%2Flxd%2Funix.socket']], own, 'unix'), {})
})

test("pages of other origins are refused on every door, the server's own are not", () => {
  for (const [origin, host, expected] of [
    ['https://evil.example', 'lxd.example.org:8443', 403],
    ['https://lxd.example.org:8443', 'lxd.example.org:8443', {}],
    ['https://LXD.example.org:8443', 'lxd.example.org:8443', {}],
    ['https://lxd.example.org', 'lxd.example.org:8443', 403],
    ['http://lxd.example.org:8443', 'lxd.example.org:8443', 403],
    ['https://10.1.2.3:8443', '10.1.2.3:8443', {}],
    ['https://[fd42::1]:8443', '[fd42::1]:8443', {}],
    // DNS rebinding: the page's own name leads here.
    ['https://evil.example:8443', 'evil.example:8443', 403],
    ['null', 'lxd.example.org:8443', 403],
    ['', 'lxd.example.org:8443', 403],
    ['https://', '', 403],
  ] as const) {
    for (const door of ['tls', 'unix', 'metrics'] as const) {
      const headers = [
        ['Host', host],
        ['Origin', origin],
      ] as const
      assert.deepEqual(look(headers, own, door), expected, `${origin} ${host} ${door}`)
    }
  }
})

test('an origin that is sent twice is refused, whichever of them is allowed', () => {
  const headers = [
    ['Host', 'localhost'],
    ['Origin', 'https://localhost'],
    ['ORIGIN', 'https://evil.example'],
  ] as const
  assert.equal(look(headers), 403)
})

test('allowed origins get what is allowed told, others do not', () => {
  const policy: BrowserPolicy = {
    ...own,
    origins: ['https://a.example', 'https://b.example'],
    methods: 'GET, PUT',
    headers: 'X-A',
    credentials: true,
  }
  const from = (origin: string) =>
    [
      ['Host', 'x'],
      ['Origin', origin],
    ] as const
  assert.deepEqual(look(from('https://b.example'), policy), {
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'X-A',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-allow-origin': 'https://b.example',
    vary: 'Origin',
  })
  assert.equal(look(from('https://c.example'), policy), 403)
  assert.deepEqual(look([['Host', 'x']], policy), { 'access-control-allow-credentials': 'true' })
  assert.deepEqual(look(from('null'), { ...own, origins: ['*'] }), {
    'access-control-allow-origin': '*',
    vary: 'Origin',
  })
})

test('a target beyond bounds is refused with 414', () => {
  assert.equal(look([['Host', 'x']], own, 'tls', `/${'a'.repeat(8192)}`), 414)
})
