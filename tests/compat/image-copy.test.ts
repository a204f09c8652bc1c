import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { imageFile } from '../image.ts'
import { ok, ourLxc, runProgram, stockLxc } from '../real-daemon.ts'
import type { Result } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, file, tar } from '../tar.ts'

// Debian's LXD is the sandbox's own, at `theirs:`; ours has a directory beside it, at `ours:`.
enterSandbox(import.meta, '--peer')

const lxd = fileURLToPath(new URL('../../bin/lxd', import.meta.url))
const ownDirectory = '/tmp/ours'
const clients = { "Debian's client": stockLxc, 'our client': ourLxc }
let daemon: ChildProcess
let fingerprint: string

const stock = (...args: readonly string[]): string => ok(stockLxc(...args))

before(async () => {
  mkdirSync(ownDirectory)
  const env = { ...process.env, LXD_DIR: ownDirectory }
  daemon = spawn(lxd, ['--group', 'root'], { env, stdio: 'ignore' })
  ok(runProgram('env', [`LXD_DIR=${ownDirectory}`, lxd, 'waitready', '--timeout=30']))
  const ours = (...args: readonly string[]) => ok(runProgram('env', [`LXD_DIR=${ownDirectory}`, 'lxc', ...args]))

  for (const [configure, port] of [
    [stock, 8443],
    [ours, 9443],
  ] as const) {
    configure('config', 'set', 'core.https_address', `127.0.0.1:${port}`)
    configure('config', 'set', 'core.trust_password', 'secret')
    configure('storage', 'create', 'default', 'dir')
    configure('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default')
  }
  for (const [name, port] of [
    ['theirs', 8443],
    ['ours', 9443],
  ] as const) {
    stock('remote', 'add', name, `127.0.0.1:${port}`, '--accept-certificate', '--password', 'secret')
  }
})

after(async () => {
  daemon.kill('SIGTERM')
  await once(daemon, 'exit')
})

/** A private image on Debian's server, with a property of its own, and nothing else anywhere. */
beforeEach(() => {
  for (const remote of ['theirs', 'ours']) {
    for (const one of fingerprints(remote)) stock('image', 'delete', `${remote}:${one}`)
  }
  stock('image', 'import', imageFile('busybox'), 'theirs:', 'foo=bar', '--alias', 'one')
  fingerprint = fingerprints('theirs')[0] ?? ''
})

function fingerprints(remote: string): string[] {
  return stock('image', 'list', `${remote}:`, '-c', 'F', '--format', 'csv').split('\n').filter(Boolean)
}

interface Image {
  readonly fingerprint: string
  readonly auto_update: boolean
  readonly cached: boolean
  readonly public: boolean
  readonly properties: Readonly<Record<string, string>>
  readonly aliases: readonly { readonly name: string }[]
  readonly update_source?: { readonly alias: string; readonly server: string }
}

function imageOn(remote: string): Image | undefined {
  return (JSON.parse(stock('query', `${remote}:/1.0/images?recursion=1`)) as Image[])[0]
}

function publish(remote: string): void {
  const shown = stock('image', 'show', `${remote}:one`)
  ok(runProgram('/usr/bin/lxc', ['image', 'edit', `${remote}:one`], shown.replace('public: false', 'public: true')))
}

for (const [called, lxc] of Object.entries(clients)) {
  const run = (...args: readonly string[]): string => ok(lxc(...args) as Result)

  for (const mode of ['pull', 'push', 'relay']) {
    test(`${called} copies a private image by ${mode}, to us and back`, () => {
      assert.match(run('image', 'copy', 'theirs:one', 'ours:', '--copy-aliases', '--mode', mode), /copied successfully/)

      const copied = imageOn('ours')
      assert.equal(copied?.fingerprint, fingerprint)
      assert.deepEqual([copied.public, copied.cached, copied.auto_update], [false, false, false])
      assert.deepEqual(
        copied.aliases.map(({ name }) => name),
        ['one'],
      )
      // Debian's client sends no properties where it relays.
      if (mode !== 'relay' || lxc === ourLxc) assert.equal(copied.properties['foo'], 'bar')

      stock('image', 'delete', 'theirs:one')
      assert.match(
        run('image', 'copy', 'ours:one', 'theirs:', '--alias', 'back', '--mode', mode),
        /copied successfully/,
      )
      assert.deepEqual(fingerprints('theirs'), [fingerprint])
      assert.match(run('image', 'info', 'theirs:back'), new RegExp(fingerprint))
    })
  }

  test(`${called} copies a public image that is to be kept up to date, to us and back`, () => {
    publish('theirs')
    for (const [from, to] of [
      ['theirs', 'ours'],
      ['ours', 'theirs'],
    ] as const) {
      run('image', 'copy', `${from}:one`, `${to}:`, '--auto-update', '--public', '--alias', 'one')

      const copied = imageOn(to)
      assert.deepEqual([copied?.auto_update, copied?.public], [true, true])
      assert.deepEqual(copied?.update_source?.alias, 'one')
      assert.match(run('image', 'refresh', `${to}:one`), /Image already up to date/)
      stock('image', 'delete', `${from}:one`)
    }
    stock('image', 'delete', 'theirs:one')
  })

  test(`${called} has us take a newer image where there is one`, () => {
    publish('theirs')
    run('image', 'copy', 'theirs:one', 'ours:', '--auto-update', '--copy-aliases')
    const metadata = 'architecture: amd64\ncreation_date: 1700000000\n'
    const newer = `/tmp/newer-${called.length}.tar`
    writeFileSync(newer, tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/x', called)]))
    stock('image', 'delete', 'theirs:one')
    stock('image', 'import', newer, 'theirs:', '--public', '--alias', 'one')

    assert.match(run('image', 'refresh', 'ours:one'), /Image refreshed successfully/)

    assert.deepEqual(fingerprints('ours'), fingerprints('theirs'))
    assert.notEqual(imageOn('ours')?.fingerprint, fingerprint)
    assert.deepEqual(
      imageOn('ours')?.aliases.map(({ name }) => name),
      ['one'],
    )
    assert.match(run('image', 'refresh', 'ours:one'), /Image already up to date/)
  })

  test(`${called} copies the same image twice, and keeps it`, () => {
    for (const alias of ['a', 'b']) run('image', 'copy', 'theirs:one', 'ours:', '--alias', alias)

    assert.deepEqual(fingerprints('ours'), [fingerprint])
    assert.deepEqual(
      imageOn('ours')
        ?.aliases.map(({ name }) => name)
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['a', 'b'],
    )
  })

  test(`${called} makes instances from images of the other server, private and public, on us and on it`, () => {
    run('init', 'theirs:one', 'ours:c1')
    assert.deepEqual([imageOn('ours')?.cached, imageOn('ours')?.auto_update], [true, false])
    run('delete', 'ours:c1')
    stock('image', 'delete', `ours:${fingerprint}`)

    publish('theirs')
    run('init', 'theirs:one', 'ours:c1')
    const { cached, auto_update: follows, update_source: source } = imageOn('ours') ?? {}
    assert.deepEqual([cached, follows, source?.alias], [true, true, 'one'])
    run('init', 'theirs:one', 'ours:c2')
    run('delete', 'ours:c1', 'ours:c2')

    run('image', 'copy', 'theirs:one', 'ours:', '--copy-aliases')
    stock('image', 'delete', 'theirs:one')
    run('init', 'ours:one', 'theirs:c1')
    assert.equal(imageOn('theirs')?.cached, true)
    run('delete', 'theirs:c1')
  })

  test(`${called} as a stranger sees public images of ours and nothing else`, () => {
    run('image', 'copy', 'theirs:one', 'ours:', '--copy-aliases')
    const conf = `/tmp/stranger-${called.length}`
    const program = lxc === ourLxc ? fileURLToPath(new URL('../../bin/lxc', import.meta.url)) : 'lxc'
    const stranger = (...args: readonly string[]) => runProgram('env', [`LXD_CONF=${conf}`, program, ...args])
    ok(stranger('remote', 'add', 'ours', '127.0.0.1:9443', '--accept-certificate', '--public'))
    assert.equal(ok(stranger('image', 'list', 'ours:', '--format', 'csv')), '')
    for (const command of ['info', 'show', 'export']) {
      const { code, stderr } = stranger('image', command, 'ours:one')
      assert.notEqual(code, 0)
      assert.match(stderr, /not found/)
    }

    publish('ours')

    assert.match(ok(stranger('image', 'list', 'ours:', '--format', 'csv')), /^one,/)
    assert.match(ok(stranger('image', 'alias', 'list', 'ours:', '--format', 'csv')), /^one,/)
    assert.match(ok(stranger('image', 'info', 'ours:one')), new RegExp(fingerprint))
    assert.match(ok(stranger('image', 'show', 'ours:one')), /public: true/)
    assert.match(ok(stranger('image', 'export', 'ours:one', conf)), /exported successfully/)
    stock('image', 'delete', 'theirs:one')
    ok(stranger('image', 'copy', 'ours:one', 'local:', '--copy-aliases'))
    assert.equal(imageOn('theirs')?.fingerprint, fingerprint)
    ok(stranger('init', 'ours:one', 'local:c3'))
    ok(stranger('delete', 'c3'))
  })
}
