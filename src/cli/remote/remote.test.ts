import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'

import { makeCertificate } from '#base/certificate.ts'

import { lxc } from '../lxc.ts'
import { runProgram } from '../run.ts'
import type { Surroundings } from '../surroundings.ts'

const base = mkdtempSync(join(tmpdir(), 'remotes-'))
after(() => rmSync(base, { recursive: true }))

const pair = makeCertificate({
  organization: 'lxd',
  commonName: 'server',
  hosts: ['127.0.0.1'],
  usage: 'server',
  validFrom: new Date(Date.now() - 60_000),
  years: 1,
})

/** A server with these projects that trusts whoever has given the password `good`. */
async function serve(projects: readonly string[] = ['default']) {
  const seen: string[] = []
  const trusted = new Set<string>()
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const socket = request.socket as import('node:tls').TLSSocket
    const client = socket.getPeerX509Certificate()?.fingerprint256 ?? 'nobody'
    const body = await text(request)
    seen.push(`${request.method} ${request.url} ${body}`)
    const reply = (status: number, metadata: unknown, error = ''): void => {
      const type = status < 400 ? 'sync' : 'error'
      response.writeHead(status).end(JSON.stringify({ type, metadata, error, error_code: status }))
    }
    if (request.method === 'POST' && (JSON.parse(body) as { password: string }).password === 'good') trusted.add(client)
    else if (request.method === 'POST') return reply(403, undefined, 'not authorized')

    if (request.url === '/1.0/projects')
      reply(
        200,
        projects.map((name) => `/1.0/projects/${name}`),
      )
    else if (request.url?.startsWith('/1.0/projects/')) reply(404, undefined, 'Project not found')
    else reply(200, { auth: trusted.has(client) ? 'trusted' : 'untrusted', auth_methods: ['tls'], environment: {} })
  }
  const server = createServer({ key: pair.key, cert: pair.certificate, requestCert: true, rejectUnauthorized: false })
  server.on('request', (request, response) => void answer(request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  after(() => server.close().closeAllConnections())
  return { seen, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

let count = 0

/** A user with a directory of their own, who types these lines. */
function user() {
  const directory = join(base, String(count++))
  const type = async (words: string, ...lines: (string | (() => string))[]) => {
    const next = (): string | undefined => {
      const line = lines.shift()
      return typeof line === 'function' ? line() : line
    }
    const said = { code: 0, out: '', err: '', secrets: 0 }
    const at = {
      env: { LXD_CONF: directory, LXD_GLOBAL_CONF: join(directory, 'global') },
      terminal: { stdin: true, stdout: true, stderr: true },
      print: (piece: string | Uint8Array) => void (said.out += String(piece)),
      warn: (piece: string) => void (said.err += piece),
      readLine: next,
      readSecret: () => {
        said.secrets++
        return next()
      },
    } as unknown as Surroundings
    said.code = await runProgram(lxc('5.0.2'), words.split(' '), at)
    return said
  }
  return { directory, type, config: () => readFileSync(join(directory, 'config.yml'), 'utf8') }
}

test('a server is added with a look at its certificate and a password that nobody sees', async () => {
  const { address } = await serve()
  const { type, directory, config } = user()
  const said = await type(`remote add r ${address}`, 'y', 'good')

  assert.deepEqual([said.code, said.secrets], [0, 1])
  assert.match(said.out, /^Certificate fingerprint: [\da-f]{64}\nok \(y\/n\/\[fingerprint\]\)\? Admin password/)
  assert.match(said.out, /Client certificate now trusted by server: r\n$/)
  assert.match(said.err, /^Generating a client certificate\./)
  assert.match(
    config(),
    new RegExp(`  r:\n    addr: https://${address}\n    auth_type: tls\n    project: default\n    protocol: lxd`),
  )
  assert.equal(readFileSync(join(directory, 'servercerts/r.crt'), 'utf8'), pair.certificate)
  for (const name of ['client.crt', 'client.key', 'config.yml', 'servercerts/r.crt']) {
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  }
})

test('what fails leaves no certificate of the server, but the client keeps its own', async () => {
  const { address } = await serve()
  const { type, directory } = user()
  const said = await type(`remote add r ${address}`, 'y', 'bad')
  assert.deepEqual([said.code, said.err.split('\n').at(-2)], [1, 'Error: not authorized'])
  assert.deepEqual(readdirSync(join(directory, 'servercerts')), [])
  assert.deepEqual(readdirSync(directory).sort(), ['client.crt', 'client.key', 'servercerts'])
})

test('where an authority of our own vouches for a server, nobody is asked', async () => {
  const { address } = await serve()
  const { type, directory } = user()
  mkdirSync(directory)
  writeFileSync(join(directory, 'client.ca'), pair.certificate)
  const said = await type(`remote add r ${address} --password good`)
  assert.deepEqual([said.code, said.out], [0, 'Client certificate now trusted by server: r\n'])
  assert.ok(!existsSync(join(directory, 'servercerts')))
})

test('of several projects one is chosen, unless the default one is among them', async () => {
  const many = await serve(['a', 'b'])
  const first = user()
  const said = await first.type(`remote add r ${many.address} --accept-certificate --password good`, 'c', 'b')
  assert.match(said.out, /Available projects:\n - a\n - b\nName of the project to use for this remote: Name/)
  assert.match(first.config(), /^ {4}project: b$/m)

  const withDefault = await serve(['a', 'default'])
  const second = user()
  await second.type(`remote add r ${withDefault.address} --accept-certificate --password good`)
  assert.doesNotMatch(second.config(), /project:/)
  const wrong = await second.type(`remote add s ${withDefault.address} --accept-certificate --project nope`)
  assert.equal(wrong.err, 'Error: Project not found\n')
})

test('what another client has written while this one asked stays', async () => {
  const { address } = await serve(['a', 'b'])
  const { type, config, directory } = user()
  const meanwhile = (): string => {
    writeFileSync(
      join(directory, 'config.yml'),
      'remotes:\n  s:\n    addr: https://s.example:8443\n    public: false\n',
    )
    return 'a'
  }
  await type(`remote add r ${address} --accept-certificate --password good`, meanwhile)
  assert.match(config(), /^ {2}r:\n(?: {4}.*\n)* {2}s:\n {4}addr: https:\/\/s\.example:8443$/m)
})

test('a public server is only looked at, without showing who looks', async () => {
  const { address, seen } = await serve()
  const { type, directory, config } = user()
  assert.equal((await type(`remote add p ${address} --public --accept-certificate`)).code, 0)
  assert.match(config(), new RegExp(`  p:\n    addr: https://${address}\n    public: true\n`))
  assert.deepEqual(readdirSync(directory).sort(), ['config.yml', 'servercerts'])
  assert.deepEqual(seen, [])
})

test('renaming and removing take the certificate along; others stay as they are', async () => {
  const { address } = await serve()
  const { type, directory, config } = user()
  await type(`remote add r ${address} --accept-certificate --password good`)
  await type('remote switch r')
  assert.equal((await type('remote rename r s')).code, 0)
  assert.match(config(), /^default-remote: s$/m)
  assert.deepEqual(readdirSync(join(directory, 'servercerts')), ['s.crt'])
  assert.match((await type('remote remove s')).err, /Can't remove the default remote/)
  await type('remote switch local')
  assert.equal((await type('remote remove s')).code, 0)
  assert.deepEqual(readdirSync(join(directory, 'servercerts')), [])
})

test('remotes of the machine are there for all and kept by none', async () => {
  const { type, directory, config } = user()
  const shared = join(directory, 'global')
  mkdirSync(shared, { recursive: true })
  writeFileSync(join(shared, 'config.yml'), 'remotes:\n  g:\n    addr: https://g.example:8443\n    public: false\n')

  assert.match((await type('remote list -f csv')).out, /^g,https:\/\/g\.example:8443,lxd,tls,NO,NO,YES$/m)
  assert.match((await type('remote remove g')).err, /Remote g is global and cannot be removed/)
  await type('remote switch g')
  assert.match(config(), /^default-remote: g$/m)
  assert.doesNotMatch(config(), /g\.example/)
  await type('remote set-url g https://other.example')
  assert.match(config(), /^ {4}addr: https:\/\/other\.example:8443$/m)
  assert.match(
    (await type('remote list -f csv')).out,
    /^g \(current\),https:\/\/other\.example:8443,lxd,tls,NO,NO,NO$/m,
  )
})
