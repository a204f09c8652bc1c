import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { TestProvider } from '../oidc-provider.ts'
import { TestDaemon } from './daemon.ts'
import { freePort } from './https.ts'

// Our client, our daemon and a real provider: the user is played by the test.

const client = fileURLToPath(new URL('../../bin/lxc', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'client-oidc-'))
const tokens = join(directory, 'oidctokens', 'r.json')

let daemon: TestDaemon
let provider: TestProvider
let port: number
before(async () => {
  ;[daemon, provider, port] = await Promise.all([TestDaemon.start(), TestProvider.start(), freePort()])
  const config = { 'core.https_address': `127.0.0.1:${port}`, ...provider.config }
  await daemon.ok('PATCH', '/1.0', { body: { config } })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
  const permissions = [{ entity_type: 'project', url: '/1.0/projects/p1', entitlement: 'operator' }]
  await daemon.ok('POST', '/1.0/auth/groups', { body: { name: 'operators', permissions } })
  const groups = { id: 'jane@example.org', name: 'Jane', groups: ['operators'] }
  await daemon.ok('POST', '/1.0/auth/identities/oidc', { body: groups })
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

/** Runs the client; `user` goes to the page it shows, if it shows one. */
async function lxc(args: readonly string[], user = 'jane') {
  const child = spawn(client, args, { env: { ...process.env, LXD_CONF: directory }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  let approval: Promise<void> | undefined
  child.stderr.on('data', (piece) => {
    stderr += String(piece)
    const [, url] = /^URL: (\S+)\nCode: \S+\n/m.exec(stderr) ?? []
    if (url !== undefined) approval ??= provider.approve(url, user)
  })
  const stdout = await text(child.stdout)
  if (child.exitCode === null) await once(child, 'exit')
  await approval
  return { code: child.exitCode, stdout, stderr, asked: approval !== undefined }
}

test('a user comes in by the provider, without a certificate', async () => {
  const added = await lxc(['remote', 'add', 'r', `127.0.0.1:${port}`, '--accept-certificate', '--auth-type', 'oidc'])
  assert.deepEqual([added.code, added.asked, added.stdout], [0, true, ''], added.stderr)
  assert.match(
    readFileSync(join(directory, 'config.yml'), 'utf8'),
    /^ {2}r:\n {4}addr: .*\n {4}auth_type: oidc\n {4}project: p1\n {4}protocol: lxd\n/m,
  )
  assert.ok(!existsSync(join(directory, 'client.key')))
  assert.equal(statSync(tokens).mode & 0o777, 0o600)

  const listed = await lxc(['list', 'r:', '-f', 'csv'])
  assert.deepEqual([listed.code, listed.asked, listed.stdout], [0, false, ''], listed.stderr)
  assert.match((await lxc(['auth', 'identity', 'info', 'r:'])).stdout, /^id: jane@example\.org$/m)
  assert.equal(
    (await lxc(['remote', 'list', '-f', 'csv'])).stdout.split('\n').find((row) => row.startsWith('r,')),
    `r,https://127.0.0.1:${port},lxd,oidc,NO,NO,NO`,
  )
  assert.equal((await lxc(['project', 'create', 'r:p2'])).code, 1)
})

test('a token that is of no use any more is renewed without a word', async () => {
  const kept = JSON.parse(readFileSync(tokens, 'utf8')) as Record<string, string>
  assert.ok(kept['refresh_token'])
  writeFileSync(tokens, JSON.stringify({ ...kept, access_token: 'spoiled' }))
  const renewed = await lxc(['list', 'r:', '-f', 'csv'])
  assert.deepEqual([renewed.code, renewed.asked], [0, false], renewed.stderr)
  assert.notEqual((JSON.parse(readFileSync(tokens, 'utf8')) as Record<string, string>)['access_token'], 'spoiled')

  // Who has no token at all is asked; the provider knows more people than the server lets do something.
  rmSync(tokens)
  const stranger = await lxc(['list', 'r:'], 'mallory')
  assert.deepEqual([stranger.code, stranger.asked], [1, true])
  assert.match(stranger.stderr, /not found|not authorized/i)
})

test('with the remote the tokens go', async () => {
  assert.equal((await lxc(['remote', 'rename', 'r', 's'])).code, 0)
  assert.deepEqual([existsSync(tokens), existsSync(join(directory, 'oidctokens', 's.json'))], [false, true])
  assert.equal((await lxc(['remote', 'remove', 's'])).code, 0)
  assert.ok(!existsSync(join(directory, 'oidctokens', 's.json')))
})
