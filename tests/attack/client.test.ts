import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { fileURLToPath } from 'node:url'

import { makeCertificate, type CertificatePair } from '#base/certificate.ts'

// From where an attacker stands who is, or sits before, the server that a client means to reach.

const ourClient = fileURLToPath(new URL('../../bin/lxc', import.meta.url))
const base = mkdtempSync(join(tmpdir(), 'attack-client-'))
after(() => rmSync(base, { recursive: true }))

const certificate = (): CertificatePair =>
  makeCertificate({
    organization: 'lxd',
    commonName: 'server',
    hosts: ['127.0.0.1'],
    usage: 'server',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  })
const honest = certificate()
const attacker = certificate()
const fingerprint = (pair: CertificatePair): string =>
  new X509Certificate(pair.certificate).fingerprint256.replaceAll(':', '').toLowerCase()

type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body: unknown }
const sync = (metadata: unknown): Answer => ({ body: { type: 'sync', status_code: 200, metadata } })
const error = (message: string): Answer => ({ status: 400, body: { type: 'error', error_code: 400, error: message } })
const server = (auth: string): Answer => sync({ auth, auth_methods: ['tls'], environment: {}, api_extensions: [] })

/** A server with a certificate that notes all it is told. */
async function listen(pair: CertificatePair, answer: (method: string, path: string) => Answer) {
  const heard: string[] = []
  const listener = createServer({ key: pair.key, cert: pair.certificate, requestCert: true, rejectUnauthorized: false })
  listener.on('request', (request, response) => void reply(request, response))
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    heard.push(`${request.method} ${request.url} ${await text(request)}`)
    const { status = 200, headers = {}, body } = answer(request.method!, request.url!.split('?')[0]!)
    response.writeHead(status, headers).end(JSON.stringify(body))
  }
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  after(() => listener.close().closeAllConnections())
  return { heard, address: `127.0.0.1:${(listener.address() as AddressInfo).port}` }
}

let count = 0

/** A user of the client, who knows remotes by address and the certificates they had. */
function user(remotes: Readonly<Record<string, string>> = {}, pins: Readonly<Record<string, CertificatePair>> = {}) {
  const directory = join(base, String(count++))
  mkdirSync(join(directory, 'servercerts'), { recursive: true })
  const known = Object.entries(remotes).map(([name, at]) => `  ${name}:\n    addr: https://${at}\n    public: false\n`)
  writeFileSync(join(directory, 'config.yml'), `default-remote: local\nremotes:\n${known.join('')}aliases: {}\n`)
  for (const [name, pair] of Object.entries(pins)) {
    writeFileSync(join(directory, 'servercerts', `${name}.crt`), pair.certificate)
  }
  const keys = makeCertificate({ ...common, commonName: 'user' })
  writeFileSync(join(directory, 'client.crt'), keys.certificate)
  writeFileSync(join(directory, 'client.key'), keys.key)

  const lxc = async (args: readonly string[], options: { readonly input?: string; readonly client?: string } = {}) => {
    const child = spawn(options.client ?? ourClient, args, { env: { ...process.env, LXD_CONF: directory } })
    child.stdin.end(options.input ?? '')
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    if (child.exitCode === null) await once(child, 'exit')
    return { code: child.exitCode, stdout, stderr }
  }
  return { directory, lxc }
}

const common = { organization: 'lxd', hosts: [], usage: 'client', validFrom: new Date(), years: 1 } as const

test('who answers in the place of a known server is refused, and told nothing', async () => {
  const { address, heard } = await listen(attacker, () => server('trusted'))
  const { lxc } = user({ r: address }, { r: honest })
  for (const args of [
    ['config', 'set', 'r:', 'user.secret=1'],
    ['list', 'r:'],
    ['exec', 'r:c1', '--', 'id'],
  ]) {
    const { code, stderr } = await lxc(args)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`has changed: it shows ${fingerprint(attacker)}, known is ${fingerprint(honest)}`))
  }
  assert.deepEqual(heard, [])

  // The control: without the pin that stands in the way, the same commands reach the same server.
  await user({ r: address }, { r: attacker }).lxc(['config', 'set', 'r:', 'user.secret=1'])
  assert.match(heard.join('\n'), /^PATCH .*user\.secret|^PUT .*user\.secret/m)
})

test('a remote that moves keeps its certificate: a URL alone does not make a server trusted', async () => {
  const { address, heard } = await listen(attacker, () => server('trusted'))
  const { lxc } = user({ r: '127.0.0.1:1' }, { r: honest })
  assert.equal((await lxc(['remote', 'set-url', 'r', `https://${address}`])).code, 0)
  assert.match((await lxc(['list', 'r:'])).stderr, /has changed/)
  assert.deepEqual(heard, [])
})

test("a token's secret and a password go to no server but the one that was meant", async () => {
  const { address, heard } = await listen(attacker, (method) => (method === 'POST' ? sync({}) : server('untrusted')))
  const token = (pair: CertificatePair): string =>
    Buffer.from(
      JSON.stringify({ client_name: 'c', fingerprint: fingerprint(pair), addresses: [address], secret: 'hush' }),
    ).toString('base64')

  const wrong = await user().lxc(['remote', 'add', 'r', token(honest)])
  assert.match(wrong.stderr, /Certificate fingerprint mismatch between certificate token and server/)
  const refused = await user().lxc(['remote', 'add', 'r', address, '--password', 'hush'], { input: 'n\n' })
  assert.match(refused.stdout, new RegExp(`^Certificate fingerprint: ${fingerprint(attacker)}\n`))
  assert.match(refused.stderr, /NACKed by user/)
  assert.doesNotMatch(heard.join('\n'), /POST/)

  // The control: where the fingerprint is the server's own, the token is sent.
  await user().lxc(['remote', 'add', 'r', token(attacker)])
  assert.match(heard.join('\n'), /^POST \/1\.0\/certificates /m)
})

test('a refused or failed server leaves no certificate behind that would count next time', async () => {
  const { address } = await listen(attacker, (method) => (method === 'POST' ? error('no') : server('untrusted')))
  const { lxc, directory } = user()
  const { code } = await lxc(['remote', 'add', 'r', address, '--accept-certificate', '--password', 'x'])
  assert.equal(code, 1)
  assert.ok(!existsSync(join(directory, 'servercerts', 'r.crt')))
})

test('what a server says does not steer the terminal', async () => {
  const steer = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e'
  const sent: string[] = []
  const { address } = await listen(attacker, (_, path) => {
    const reply =
      path === '/1.0'
        ? server('trusted')
        : path === '/1.0/projects'
          ? sync([`/1.0/projects/${encodeURIComponent(`a${steer}`)}`, '/1.0/projects/b'])
          : path === '/1.0/profiles'
            ? sync([{ name: `p${steer}`, description: steer, used_by: [] }])
            : error(`no such thing ${steer}`)
    sent.push(JSON.stringify(reply))
    return reply
  })
  const { lxc } = user({ r: address }, { r: attacker })
  const added = await lxc(['remote', 'add', 's', address, '--accept-certificate'], { input: 'b\n' })
  const listed = await lxc(['profile', 'list', 'r:'])
  const failed = await lxc(['profile', 'show', 'r:nope'])
  const printed = [added, listed, failed].map(({ stdout, stderr }) => stdout + stderr).join('')

  assert.match(printed, /Available projects:\n - a\\x1b\]0;owned\\x07/)
  assert.match(printed, /\| p\\x1b\]0;owned/)
  assert.match(printed, /Error: no such thing \\x1b\]0;owned/)
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  assert.doesNotMatch(printed, /[\u001b\u0007\u0080-\u009f\u202e]/)
  // The control: it was sent, and a program that asks for the bare reply gets it.
  assert.match(sent.join(''), /u001b/)
  assert.ok(/\\u001b/.test((await lxc(['query', '--raw', 'r:/1.0/profiles'])).stdout))
})

test('on a terminal nothing that is printed steers it, for programs all is as it was sent', async () => {
  const { address } = await listen(attacker, () =>
    sync({ config: { 'user.k': 'v\u001b[2Jw' }, auth: 'trusted', environment: { server_version: '\u001b[2J5' } }),
  )
  const { lxc } = user({ r: address }, { r: attacker })
  for (const args of [
    ['config', 'get', 'r:', 'user.k'],
    ['version', 'r:'],
    ['query', 'r:/1.0'],
  ]) {
    const seen = await lxc(['-qec', [ourClient, ...args].join(' '), '/dev/null'], { client: 'script' })
    assert.equal(seen.code, 0)
    assert.ok(!seen.stdout.includes('\u001b'), args.join(' '))
    assert.match(seen.stdout, /\\x1b\[2J|\\u001b\[2J/)
  }
  // The control: the same without a terminal.
  assert.equal((await lxc(['config', 'get', 'r:', 'user.k'])).stdout, 'v\u001b[2Jw\n')
})

test('a name does not lead out of the directory of certificates', async () => {
  const { address } = await listen(attacker, () => server('trusted'))
  const { lxc, directory } = user()
  const args = ['remote', 'add', '../outside', address, '--accept-certificate', '--public']
  const { code, stderr } = await lxc(args)
  assert.equal(code, 1)
  assert.match(stderr, /Invalid remote name/)
  assert.ok(!existsSync(join(directory, 'outside.crt')))

  // The control: the stock client, which does not look, writes it there.
  await lxc(args, { client: '/usr/bin/lxc' })
  assert.ok(existsSync(join(directory, 'outside.crt')))
  // And what it has written into the configuration is of no use to us either.
  assert.match((await lxc(['image', 'list', '../outside:'])).stderr, /is not trusted: no authority has signed it/)
})

test('a redirect leads nowhere', async () => {
  const elsewhere = await listen(attacker, () => server('trusted'))
  const location = { Location: `https://${elsewhere.address}/1.0` }
  const { address, heard } = await listen(honest, () => ({ status: 307, headers: location, body: {} }))
  const { lxc } = user({ r: address }, { r: honest })
  assert.equal((await lxc(['config', 'set', 'r:', 'user.a=b'])).code, 1)
  assert.equal(heard.length, 1)
  assert.deepEqual(elsewhere.heard, [])

  // The control: a client that follows arrives there.
  const { directory } = user()
  await user().lxc(['-skL', '-o', join(directory, 'out'), `https://${address}/`], { client: 'curl' })
  assert.equal(elsewhere.heard.length, 1)
})
