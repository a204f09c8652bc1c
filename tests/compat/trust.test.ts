/** Debian's `lxc` and ours manage the clients of our daemon, and become its clients. */
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { spawnSync } from 'node:child_process'
import { makeCertificate } from '#base/certificate.ts'
import { ok, RealDaemon, stockLxc } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
before(async () => {
  await daemon.start()
  ok(stockLxc('config', 'set', 'core.https_address', '127.0.0.1:8443'))
  ok(stockLxc('project', 'create', 'p1'))
})
after(() => daemon.end('SIGTERM'))

/** The stock client of someone else: with a configuration, and so a certificate, of its own. */
function client(): (...args: readonly string[]) => Result {
  const directory = mkdtempSync(join(tmpdir(), 'client-'))
  return (...args) => {
    const env = { ...process.env, LXD_CONF: directory, LXD_DIR: '/nowhere' }
    const { status, stdout, stderr } = spawnSync('/usr/bin/lxc', args, { encoding: 'utf8', env, timeout: 60_000 })
    return { code: status, stdout, stderr }
  }
}

/** A certificate in a file, and the beginning of its fingerprint as the client shows it. */
function certificateFile(name: string): { readonly path: string; readonly fingerprint: string } {
  const made = { organization: 'test', hosts: [], usage: 'client', validFrom: new Date(Date.now() - 60_000), years: 1 }
  const { certificate } = makeCertificate({ ...made, commonName: name, usage: 'client' })
  const path = join(mkdtempSync(join(tmpdir(), 'certificate-')), `${name}.crt`)
  writeFileSync(path, certificate)
  const { raw } = new X509Certificate(certificate)
  return { path, fingerprint: createHash('sha256').update(raw).digest('hex') }
}

const lines = (result: Result) => ok(result).trim().split('\n').filter(Boolean)
const listed = () => lines(stockLxc('config', 'trust', 'list', '--format', 'csv'))
const newToken = (...args: readonly string[]) => lines(stockLxc('config', 'trust', 'add', ...args)).at(-1) ?? ''

test('certificates are added, listed, shown, edited and removed', () => {
  const { path, fingerprint } = certificateFile('web')
  const short = fingerprint.slice(0, 12)
  ok(stockLxc('config', 'trust', 'add', path, '--name', 'web', '--restricted', '--projects', 'p1'))
  assert.match(listed().join('\n'), new RegExp(`^client,web,web,${short},`, 'm'))
  const shown = ok(stockLxc('config', 'trust', 'show', short))
  assert.match(shown, /^restricted: true\nprojects:\n- p1$/m)
  assert.match(shown, new RegExp(`^fingerprint: ${fingerprint}$`, 'm'))

  const twice = stockLxc('config', 'trust', 'add', path)
  assert.equal(twice.stderr, 'Error: Certificate already in trust store\n')

  const edit = (text: string) =>
    spawnSync('/usr/bin/lxc', ['config', 'trust', 'edit', short], { input: text, encoding: 'utf8', env: env() })
  assert.equal(edit(shown.replace('name: web', 'name: shop')).status, 0)
  assert.match(listed().join('\n'), /^client,shop,web,/m)
  assert.match(edit(shown.replace('type: client', 'type: server')).stderr, /The certificate type cannot be changed/)

  ok(stockLxc('config', 'trust', 'remove', short))
  assert.equal(stockLxc('config', 'trust', 'remove', short).stderr, 'Error: Certificate not found\n')
})

const env = () => ({ ...process.env, LXD_DIR: '/var/lib/lxd', LXD_CONF: '/tmp/lxc-conf' })

test('a token makes a client of whoever has it, with what it was made for', () => {
  const token = newToken('--name', 'ann', '--restricted', '--projects', 'p1')
  assert.deepEqual(lines(stockLxc('config', 'trust', 'list-tokens', '--format', 'csv')), [`ann,${token},`])
  const ann = client()
  ok(ann('remote', 'add', 'home', token))
  assert.match(ok(ann('project', 'list', 'home:', '--format', 'csv')), /^p1/)
  // The client found out which project it has.
  assert.equal(ok(ann('profile', 'list', 'home:', '--format', 'csv')), 'default,Default LXD profile for project p1,0\n')
  assert.match(ann('list', 'home:', '--project', 'default').stderr, /not found/)
  assert.match(ann('network', 'create', 'home:br9').stderr, /not authorized/)
  assert.match(listed().join('\n'), /^client,ann,/m)

  // It is used up, and no longer listed.
  assert.deepEqual(lines(stockLxc('config', 'trust', 'list-tokens', '--format', 'csv')), [])
  assert.match(client()('remote', 'add', 'home', token).stderr, /No matching certificate add operation found/)
  assert.match(ann('remote', 'add', 'again', newToken('--name', 'fay')).stderr, /Client is already trusted/)
})

test('tokens are revoked and expire', () => {
  const token = newToken('--name', 'bob')
  assert.match(ok(stockLxc('config', 'trust', 'revoke-token', 'bob')), /Certificate add token for bob deleted/)
  assert.match(client()('remote', 'add', 'home', token).stderr, /No matching certificate add operation found/)

  assert.match(stockLxc('config', 'set', 'core.remote_token_expiry', 'soon').stderr, /core.remote_token_expiry/)
  ok(stockLxc('config', 'set', 'core.remote_token_expiry', '1d'))
  const dated = newToken('--name', 'cid')
  const { expires_at: expires } = JSON.parse(Buffer.from(dated, 'base64').toString()) as { expires_at: string }
  assert.ok(Math.abs(Date.parse(expires) - Date.now() - 86_400_000) < 60_000, expires)
  assert.match(lines(stockLxc('config', 'trust', 'list-tokens', '--format', 'csv'))[0] ?? '', /^cid,.*,"?20\d\d/)
  ok(stockLxc('config', 'unset', 'core.remote_token_expiry'))
})

test('a revoked token stays revoked, and others go, when the daemon is restarted', async () => {
  const token = newToken('--name', 'dan')
  await daemon.end('SIGKILL')
  await daemon.start()
  assert.deepEqual(lines(stockLxc('config', 'trust', 'list-tokens', '--format', 'csv')), [])
  assert.match(client()('remote', 'add', 'home', token).stderr, /No matching certificate add operation found/)
})

test('the trust password makes an administrator, and survives that the configuration is written back', () => {
  const eve = client()
  const add = (password: string) =>
    eve('remote', 'add', 'home', '127.0.0.1', '--accept-certificate', '--password', password)
  assert.match(add('open').stderr, /not authorized/)
  ok(stockLxc('config', 'set', 'core.trust_password', 'open'))
  assert.equal(ok(stockLxc('config', 'get', 'core.trust_password')), 'true\n')
  // It sends all that it was shown.
  ok(stockLxc('config', 'set', 'user.touched', 'yes'))
  assert.match(add('true').stderr, /not authorized/)
  assert.match(ok(add('open')), /Client certificate now trusted by server: home/)
  assert.equal(ok(eve('list', 'home:', '--format', 'csv')), '')
  assert.match(ok(stockLxc('warning', 'list', '--format', 'csv')), /Trust password is in use/)
  assert.ok(!readFileSync('/var/log/lxd/daemon.log', 'utf8').includes('open"'))
  ok(stockLxc('config', 'unset', 'core.trust_password'))
})
