import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, file, tar } from '../tar.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const images = '/var/lib/lxd/images'
const work = '/tmp/images'

const metadata = `architecture: amd64
creation_date: 1700000000
expiry_date: 1900000000
properties: { os: busybox, description: A test }
`

function write(name: string, content: Buffer | string): string {
  const path = join(work, name)
  writeFileSync(path, content)
  return path
}

function sha256(...paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(readFileSync(path))
  return hash.digest('hex')
}

function fails(args: readonly string[], message: RegExp): void {
  const { code, stderr } = stockLxc(...args)
  assert.equal(code, 1)
  assert.match(stderr, message)
}

before(async () => {
  mkdirSync(work)
  // A small file system, which a large image fills.
  mkdirSync(images, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'images', images])
  await daemon.start()
})
after(() => daemon.end('SIGTERM'))
beforeEach(() => {
  const listed = lxc('image', 'list', '--format=csv', '-c', 'F').trim()
  if (listed !== '') lxc('image', 'delete', ...listed.split('\n'))
})

const unified = () =>
  write(
    'unified.tar',
    tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/x', 'x'.repeat(99_999))]),
  )

test('a unified image is imported, described, changed, exported and deleted', () => {
  const path = unified()
  const fingerprint = sha256(path)

  assert.match(lxc('image', 'import', path, 'foo=bar', '--alias', 'one'), new RegExp(`fingerprint: ${fingerprint}\n`))
  assert.match(lxc('image', 'list', '--format=csv'), new RegExp(`^one,${fingerprint.slice(0, 12)},no,A test,x86_64,`))
  assert.match(lxc('image', 'list', 'foo=bar', 'type=container', '--format=csv', '-c', 'l'), /^one$/m)
  assert.equal(lxc('image', 'list', 'foo=baz', '--format=csv'), '')
  const info = lxc('image', 'info', 'one')
  for (const line of [
    /^Fingerprint: [0-9a-f]{64}$/m,
    /^Architecture: x86_64$/m,
    /^Public: no$/m,
    /^ {4}Created: 2023\/11\/14 22:13 UTC$/m,
    /^ {4}Expires: 2030\/03\/17 17:46 UTC$/m,
    /^ {4}Last used: never$/m,
    /^ {4}foo: bar$/m,
    /^ {4}- one$/m,
    /^ {4}- default$/m,
  ]) {
    assert.match(info, line)
  }

  const shown = lxc('image', 'show', 'one')
  ok(runProgram('/usr/bin/lxc', ['image', 'edit', 'one'], shown.replace('public: false', 'public: true')))
  lxc('image', 'set-property', 'one', 'a', 'b c')
  assert.equal(lxc('image', 'get-property', 'one', 'a'), 'b c\n')
  lxc('image', 'unset-property', 'one', 'a')
  assert.equal(lxc('image', 'show', 'one'), shown.replace('public: false', 'public: true'))
  assert.match(lxc('image', 'info', fingerprint.slice(0, 8)), /^Public: yes$/m)

  lxc('image', 'export', 'one', `${work}/`)
  assert.equal(sha256(join(work, `${fingerprint}.tar`)), fingerprint)

  lxc('image', 'delete', 'one')
  assert.deepEqual(readdirSync(images), [])
})

test('a split image is imported and exported', () => {
  const own = write('meta.tar.xz', execFileSync('xz', ['-c'], { input: tar([file('metadata.yaml', metadata)]) }))
  mkdirSync(join(work, 'tree'), { recursive: true })
  writeFileSync(join(work, 'tree/file'), 'content')
  const rootfs = join(work, 'root.squashfs')
  execFileSync('mksquashfs', [join(work, 'tree'), rootfs, '-noappend', '-quiet', '-no-progress'])
  const fingerprint = sha256(own, rootfs)

  assert.match(lxc('image', 'import', own, rootfs, '--public', '--alias', 'two'), new RegExp(fingerprint))
  assert.deepEqual(readdirSync(images).toSorted(), [fingerprint, `${fingerprint}.rootfs`])
  lxc('image', 'export', 'two', join(work, 'out'))
  assert.equal(sha256(join(work, 'out'), join(work, 'out.root')), fingerprint)
})

test('an image is imported from a directory', () => {
  const tree = join(work, 'unpacked')
  mkdirSync(join(tree, 'rootfs'), { recursive: true })
  mkdirSync(join(tree, 'templates'))
  writeFileSync(join(tree, 'metadata.yaml'), metadata)

  assert.match(lxc('image', 'import', tree), /Image imported with fingerprint: [0-9a-f]{64}/)
})

test('aliases are made, renamed, listed and deleted', () => {
  const path = unified()
  const fingerprint = sha256(path)
  lxc('image', 'import', path)

  lxc('image', 'alias', 'create', 'a/b', fingerprint)
  fails(['image', 'alias', 'create', 'a/b', fingerprint], /Alias "a\/b" already exists/)
  lxc('image', 'alias', 'rename', 'a/b', 'c')
  assert.match(lxc('image', 'alias', 'list', '--format=csv'), new RegExp(`^c,${fingerprint.slice(0, 12)},CONTAINER,`))
  lxc('image', 'alias', 'delete', 'c')
  fails(['image', 'alias', 'delete', 'c'], /Image alias not found/)
  fails(['image', 'delete', 'c'], /Image not found/)
})

test('what is no image is refused, as is one that is there', () => {
  const path = unified()
  lxc('image', 'import', path)

  fails(['image', 'import', path], /Image with same fingerprint already exists/)
  fails(['image', 'import', write('text', 'hello')], /Unsupported compression/)
  fails(['image', 'import', write('no-meta.tar', tar([directory('rootfs')]))], /metadata.yaml is missing/)
  assert.equal(readdirSync(images).length, 1)
})

test('an image that fills the disk is refused with a clear error, and the space is given back', () => {
  // The client looks at the first bytes of a root file system.
  const noise = write('noise', Buffer.concat([Buffer.from('\xfd7zXZ\0', 'latin1'), randomBytes(8 << 20)]))

  fails(['image', 'import', noise], /Cannot store the image: no space left/)
  fails(['image', 'import', unified(), noise], /Cannot store the image: no space left/)

  assert.deepEqual(readdirSync(images), [])
  lxc('image', 'import', unified(), '--alias', 'one')
  assert.equal(statSync(join(images, sha256(join(work, 'unified.tar')))).mode & 0o777, 0o600)
})
