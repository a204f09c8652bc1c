import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { makeCertificate } from '#base/certificate.ts'

import { clients, run } from './client-output.ts'
import { imageFile } from './image.ts'
import { ok, stockLxc, type Result } from './real-daemon.ts'

/**
 * What is typed, one command a line: by each client in turn, with a directory of its own. A line of `new client` stands
 * for a new directory, TOKEN(…) for a new token made with these flags.
 */
const chain: readonly string[] = `
remote add r 127.0.0.1 < n\\n
remote add r 127.0.0.1 < what\\n
remote add r0 127.0.0.1 <
remote add r 127.0.0.1 --accept-certificate --password sekret
remote add r 127.0.0.1 --accept-certificate
remote list -f csv
remote list -f yaml
remote list -f json
remote add r2 https://127.0.0.1:8443 < YES\\n
remote add r3 127.0.0.1:8443 --public --accept-certificate
remote add r4 127.0.0.1 --accept-certificate --auth-type nope
remote add r5 127.0.0.1 --accept-certificate --project nope
remote add r6 127.0.0.1 --accept-certificate --project p1
remote add r7 127.0.0.1 --protocol nope
remote add r:8 127.0.0.1
remote add r9 http://127.0.0.1
remote add s1 127.0.0.1 --protocol simplestreams
remote add s2 https://127.0.0.1/images --protocol simplestreams
remote add local 127.0.0.1
remote add unix1 unix:/var/lib/lxd/unix.socket
remote add unix2 /var/lib/lxd/unix.socket
remote rename r2 r6
remote rename r2 x2
remote rename nope x
remote rename local x
remote remove x2
remote remove x2
remote remove local
remote set-url nope https://127.0.0.1
remote set-url ubuntu https://127.0.0.1
remote switch nope
remote switch r
remote remove r
remote get-default
remote list -f csv
list
list -f csv -c nst
switch
list local: -f csv -c nst
list r6: -f csv -c nst
list unix1: -f csv -c nst
list s2:
config show r:c1
config get r:c1 user.owner
config device list r:c1
profile list r: -f csv
profile show r:default
network list r: -f csv
storage list r: -f csv
project list r: -f csv
project info r:default -f csv
project show r:p1
image list r: -f csv -c lpda
image show r:busybox
exec r:c1 -- sh -c 'echo out; echo err >&2; exit 5'
exec r:c1 -- cat < typed\\n
exec r:c1 --env 'A=b c' --cwd /tmp -- sh -c 'echo $A; pwd'
exec r:c1 -- nope
file push - r:c1/tmp/x < pushed\\n
file pull r:c1/tmp/x -
file delete r:c1/tmp/x
query r:/1.0/instances
version r:
init r:busybox r:t1
launch r:busybox r:t2
list r: -f csv -c nst
config set r:t1 user.a=b
config get r:t1 user.a
rename r:t1 t3
delete -f r:t2 r:t3
init local:busybox r:t4 --project p1
list r: --project p1 -f csv -c n
list r6: -f csv -c n
delete r6:t4
list r: --all-projects -f csv -c en
config trust list r: -f csv
config trust list r
config trust list nope:
config trust show r:nope
config trust show r:
config trust remove r:nope
config trust add r: /nope
config trust add r: /etc/passwd
config trust add r: CERTIFICATE --name machine --restricted --projects p1
config trust add r: CERTIFICATE
config trust add r: CERTIFICATE --type nope
config trust list r: -f csv
config trust show r:FINGERPRINT
config trust edit r:FINGERPRINT < name: edited\\ntype: client\\nrestricted: true\\nprojects: [default]\\n
config trust edit r:FINGERPRINT < name: edited\\n
config trust edit r:FINGERPRINT < name: edited\\ntype: client\\nrestricted: true\\nprojects: [nope]\\n
config trust show r:FINGERPRINT
config trust remove r:FINGERPRINT
config trust add --name one
config trust add < \\ntwo\\n
config trust add <
config trust add -q --name three --restricted --projects p1
config trust add --name four --type metrics
config trust list-tokens r: -f csv
config trust list-tokens r:
config trust revoke-token r:one
config trust revoke-token r:one
config trust revoke-token two
config trust revoke-token three
config trust list-tokens
config trust
new client
remote add t TOKEN(--name joined)
remote list -f csv
list t: -f csv -c n
remote add t TOKEN(--name again)
remote add u TOKEN(--name again)
config trust list t: -f csv
new client
remote add v TOKEN(--name limited --restricted --projects p1,p2) < p9\\np1\\n
remote list -f csv
list v: -f csv -c n
project list v: -f csv
list v: --project default
config trust list v:
new client
remote add w TOKEN(--name single --restricted --projects p2)
remote list -f csv
new client
remote add x 127.0.0.1 --accept-certificate --password TOKEN(--name by-password)
remote list -f csv
new client
remote add y WRONG-FINGERPRINT
remote add y WRONG-SECRET
remote add y UNREACHABLE < \\n
remote list -f csv
new client
remote add z 127.0.0.1 --accept-certificate --password wrong
list z:
list nope:
new client
remote add p 127.0.0.1 --accept-certificate --public
image list p: -f csv -c lp
image info p:nope
info p:
list p:
version p:
image delete p:nope
launch p:nope r:x
`
  .trim()
  .split('\n')

/** What differs for good reasons: who made the keys when, and what was drawn by lot. */
function withoutKeys(result: Result): Result {
  const clean = (text: string): string =>
    text
      .replaceAll(/eyJ[\w+/-]{40,}=*/g, 'TOKEN')
      .replaceAll(/\b[\da-f]{64}\b/g, 'FINGERPRINT')
      .replaceAll(/\b[\da-f]{12}\b/g, 'SHORT')
      .replaceAll(/\b[A-Z][a-z]{2} \d{1,2}, \d{4} at \d{1,2}:\d\d[ap]m/g, 'TIME')
      .replaceAll(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs, 'PEM')
      .replaceAll(/^\|.*TIME.*\|$/gm, (row) => row.replaceAll(/ +/g, ' '))
  return { ...result, stdout: clean(result.stdout), stderr: clean(result.stderr) }
}

/** One client with directories and a certificate of its own. */
class Typist {
  readonly client: string
  readonly #base: string
  readonly #certificate: string
  #count = 0

  constructor(client: string) {
    this.client = client
    this.#base = mkdtempSync('/tmp/typist-')
    const { certificate } = makeCertificate({
      organization: 'lxd',
      commonName: 'machine',
      hosts: [],
      usage: 'client',
      validFrom: new Date(),
      years: 1,
    })
    this.#certificate = join(this.#base, 'machine.crt')
    writeFileSync(this.#certificate, certificate)
    this.renew()
  }

  get directory(): string {
    return join(this.#base, String(this.#count))
  }

  renew(): void {
    this.#count++
    mkdirSync(this.directory)
    // Without one the stock client says hello on its first run.
    writeFileSync(join(this.directory, 'config.yml'), 'default-remote: local\nremotes: {}\naliases: {}\n')
  }

  /** Has a key pair that an administrator has added, in place of one that is made on the way. */
  bringKeys(): void {
    const { certificate, key } = makeCertificate({
      organization: 'lxd',
      commonName: 'brought',
      hosts: [],
      usage: 'client',
      validFrom: new Date(),
      years: 1,
    })
    writeFileSync(join(this.directory, 'client.crt'), certificate)
    writeFileSync(join(this.directory, 'client.key'), key, { mode: 0o600 })
    ok(stockLxc('config', 'trust', 'add', join(this.directory, 'client.crt')))
  }

  type(line: string): Result {
    if (line === 'new client') {
      this.renew()
      return { code: 0, stdout: '', stderr: '' }
    }
    return withoutKeys(run(this.client, this.#fill(line), this.directory))
  }

  #fill(line: string): string {
    return line
      .replaceAll(/TOKEN\((.*?)\)/g, (_, flags: string) => newToken(flags))
      .replace('WRONG-FINGERPRINT', () => changed(newToken('--name w1'), { fingerprint: '0'.repeat(64) }))
      .replace('WRONG-SECRET', () => changed(newToken('--name w2'), { secret: '0'.repeat(64) }))
      .replace('UNREACHABLE', () => changed(newToken('--name w3'), { addresses: ['127.0.0.1:1'] }))
      .replace('CERTIFICATE', this.#certificate)
      .replace('FINGERPRINT', () => this.#fingerprint())
  }

  /** Of the certificate that was added under a name of its own. */
  #fingerprint(): string {
    const rows = ok(stockLxc('config', 'trust', 'list', '-f', 'csv')).split('\n')
    return rows.find((row) => row.includes(',machine,'))?.split(',')[3] ?? 'missing'
  }
}

function newToken(flags: string): string {
  return ok(stockLxc('config', 'trust', 'add', '-q', ...flags.split(' '))).trim()
}

function changed(token: string, change: Readonly<Record<string, unknown>>): string {
  const read = JSON.parse(Buffer.from(token, 'base64').toString()) as Record<string, unknown>
  return Buffer.from(JSON.stringify({ ...read, ...change })).toString('base64')
}

/**
 * Compares this repository's client with the stock one over TLS, on the daemon of this sandbox, which has a profile, a
 * pool and a network already.
 */
export function compareOverTls(leaveOut: readonly string[] = []): void {
  const lines = chain.filter((line) => !leaveOut.includes(line))

  test('the state to look at', () => {
    ok(stockLxc('image', 'import', imageFile('busybox'), '--alias', 'busybox'))
    ok(stockLxc('launch', 'busybox', 'c1', '-c', 'user.owner=ann'))
    for (const name of ['p1', 'p2']) {
      ok(stockLxc('project', 'create', name, '-c', 'features.images=false', '-c', 'features.profiles=false'))
    }
    ok(stockLxc('config', 'set', 'core.https_address=127.0.0.1:8443', 'core.trust_password=sekret'))
  })

  test('a chain of commands', async (t) => {
    const [stock, ours] = [new Typist(clients.stock), new Typist(clients.ours)]
    const said = [stock, ours].map((typist) => {
      const answers = lines.map((line) => typist.type(line))
      forgetClients()
      return answers
    })
    for (const [index, line] of lines.entries()) {
      await t.test(`lxc ${line}`, () => assert.deepEqual(said[1]![index], said[0]![index]))
    }
  })

  for (const client of Object.values(clients)) {
    test(`by token, password and certificate ${client} comes in, and does its work`, () => {
      for (const [index, how] of ['token', 'password', 'certificate'].entries()) {
        const typist = new Typist(client)
        if (how === 'certificate') typist.bringKeys()
        const flags = how === 'password' ? '--password sekret' : ''
        ok(
          typist.type(
            how === 'token' ? 'remote add r TOKEN(--name c)' : `remote add r 127.0.0.1 --accept-certificate ${flags}`,
          ),
        )
        const name = `work${index}`
        ok(typist.type(`launch r:busybox r:${name}`))
        assert.equal(ok(typist.type(`list r:${name} -f csv -c ns`)), `${name},RUNNING\n`)
        const done = typist.type(`exec r:${name} -- sh -c 'cat; echo err >&2; exit 7' < typed\\n`)
        assert.deepEqual(done, { code: 7, stdout: 'typed\n', stderr: 'err\n' })
        ok(typist.type(`delete -f r:${name}`))
        forgetClients()
        assert.equal(typist.type('list r:').code, 1, 'whoever is not trusted any more is out')
      }
    })
  }

  test('what our client keeps is read by the stock one, and the other way round', () => {
    for (const [writer, reader] of [
      [clients.ours, clients.stock],
      [clients.stock, clients.ours],
    ] as const) {
      const typist = new Typist(writer)
      ok(typist.type('remote add r TOKEN(--name kept)'))
      ok(typist.type('remote switch r'))
      assert.deepEqual(readdirSync(typist.directory).sort(), ['client.crt', 'client.key', 'config.yml', 'servercerts'])
      assert.match(readFileSync(join(typist.directory, 'config.yml'), 'utf8'), /^default-remote: r$/m)
      assert.equal(run(reader, 'list -f csv -c n', typist.directory).stdout, 'c1\n')
    }
    forgetClients()
  })
}

/** So that the next client finds things as the one before did. */
function forgetClients(): void {
  const tokens = ok(stockLxc('config', 'trust', 'list-tokens', '-f', 'csv')).split('\n')
  for (const row of tokens.filter(Boolean)) ok(stockLxc('config', 'trust', 'revoke-token', row.split(',')[0]!))
  for (const row of ok(stockLxc('config', 'trust', 'list', '-f', 'csv')).split('\n')) {
    const fingerprint = row.split(',')[3]
    if (fingerprint !== undefined) ok(stockLxc('config', 'trust', 'remove', fingerprint))
  }
}
