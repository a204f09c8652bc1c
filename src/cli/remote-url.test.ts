import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkRemoteName, isSafeRemoteName, normaliseImagesUrl, normaliseServerUrl } from './remote-url.ts'

const servers: readonly (readonly [typed: string, kept: string])[] = [
  ['127.0.0.1', 'https://127.0.0.1:8443'],
  ['127.0.0.1:9443', 'https://127.0.0.1:9443'],
  ['host.example', 'https://host.example:8443'],
  ['https://host.example', 'https://host.example:8443'],
  ['https://host.example:443', 'https://host.example:443'],
  ['HTTPS://host.example:8443/some/path?x=y', 'https://host.example:8443'],
  ['https://user:word@host.example', 'https://host.example:8443'],
  ['::1', 'https://[::1]:8443'],
  ['[::1]', 'https://[::1]:8443'],
  ['[2001:db8::1]:443', 'https://[2001:db8::1]:443'],
  ['unix:/run/lxd.socket', 'unix:///run/lxd.socket'],
  ['unix:///run/lxd.socket', 'unix:///run/lxd.socket'],
  ['unix://', 'unix://'],
  ['/run/lxd.socket', 'unix:///run/lxd.socket'],
]

for (const [typed, kept] of servers) {
  test(`the server "${typed}" is kept as ${kept}`, () => assert.equal(normaliseServerUrl(typed), kept))
}

for (const wrong of ['', 'a b', 'a%2fb', 'a\\b', ':::', 'https://', 'host:99999', 'host\u001b[2J']) {
  test(`${JSON.stringify(wrong)} is no server`, () =>
    assert.throws(() => normaliseServerUrl(wrong), /Invalid server addr/))
}

test('servers are reached by https only', () => {
  assert.throws(() => normaliseServerUrl('http://host'), /Invalid URL scheme "http" in "http:\/\/host"/)
  assert.throws(() => normaliseImagesUrl('http://host/images'), /Only https URLs are supported for simplestreams/)
  assert.throws(() => normaliseImagesUrl('host'), /Only https URLs are supported for simplestreams/)
  assert.equal(normaliseImagesUrl('https://u:p@host/images/'), 'https://u:p@host/images')
})

test('a name that would lead out of the directory, or steer a terminal, is refused', () => {
  for (const name of ['', '.', '..', '../a', 'a/b', 'a\u001b[2J', 'a\u009b', 'a\n', 'a'.repeat(201)]) {
    assert.throws(() => checkRemoteName(name), /Invalid remote name/)
    assert.equal(isSafeRemoteName(name), false)
  }
  assert.throws(() => checkRemoteName('a:b'), /Remote names may not contain colons/)
  for (const name of ['a', '127.0.0.1', 'host.example', '__proto__', 'é']) checkRemoteName(name)
})
