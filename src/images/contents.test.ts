import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '#host/run.ts'
import { examineImage, unpackImage } from './contents.ts'
import { defaultLimits } from './layout.ts'
import { directory, file, hardLink, node, symlink, tar } from '../../tests/tar.ts'
import type { TarEntry } from '../../tests/tar.ts'

const root = mkdtempSync(join(tmpdir(), 'lxd-images-'))
after(() => rmSync(root, { recursive: true }))

const metadata = 'architecture: x86_64\ncreation_date: 1\n'
const isRoot = process.getuid?.() === 0

let count = 0
function newPath(): string {
  return join(root, String(count++))
}

function write(content: Buffer): string {
  const path = newPath()
  writeFileSync(path, content)
  return path
}

function tool(program: string, args: readonly string[], input?: Buffer): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { input: input ?? '', maxBuffer: 1 << 30 })
  assert.equal(status, 0, `${program}: ${String(stderr)}`)
  return stdout
}

function newDirectory(): string {
  const path = newPath()
  mkdirSync(path, { mode: 0o700 })
  return path
}

/** An image with everything an image can have. */
const honest: readonly TarEntry[] = [
  file('metadata.yaml', metadata),
  directory('templates'),
  file('templates/hostname.tpl', '{{ container.name }}\n'),
  directory('rootfs'),
  directory('rootfs/bin'),
  file('rootfs/bin/sh', 'sh'),
  hardLink('rootfs/bin/ash', 'rootfs/bin/sh'),
  symlink('rootfs/etc', '../../../etc'),
  symlink('rootfs/root', '/'),
  directory('rootfs/dev'),
  node('rootfs/dev/sda'),
  { ...file('rootfs/owned', 'x'), uid: 1000 },
]

const rootfs = honest
  .filter(({ name }) => name.startsWith('rootfs/'))
  .map((entry) => ({
    ...entry,
    name: `.${entry.name.slice('rootfs'.length)}`,
    ...(entry.type === '1' ? { link: `.${(entry.link ?? '').slice('rootfs'.length)}` } : {}),
  }))

function checkUnpacked(path: string): void {
  assert.equal(readFileSync(join(path, 'metadata.yaml'), 'utf8'), metadata)
  assert.equal(readFileSync(join(path, 'templates/hostname.tpl'), 'utf8'), '{{ container.name }}\n')
  assert.equal(statSync(join(path, 'rootfs/bin/ash')).ino, statSync(join(path, 'rootfs/bin/sh')).ino)
  assert.ok(lstatSync(join(path, 'rootfs/etc')).isSymbolicLink())
  assert.deepEqual(readdirSync(join(path, 'rootfs/dev')), [], 'device nodes are left out')
  assert.deepEqual(readdirSync(path).sort(), ['metadata.yaml', 'rootfs', 'templates'])
  if (isRoot) assert.equal(statSync(join(path, 'rootfs/owned')).uid, 1000)
  assert.equal(statSync(path).mode & 0o7777, 0o700)
}

const compressors: readonly (readonly string[])[] = [
  ['cat'],
  ['gzip', '-c'],
  ['bzip2', '-c'],
  ['xz', '-c'],
  ['xz', '--format=lzma', '-c'],
  ['zstd', '-q', '-c'],
]

for (const [program = '', ...args] of compressors) {
  test(`a unified tar image that ${[program, ...args].join(' ')} packed is examined and unpacked`, async () => {
    const paths = { metadata: write(tool(program, args, tar(honest))), rootfs: undefined }
    const target = newDirectory()

    const found = await examineImage(paths, { run })
    await unpackImage(paths, target, { run })

    assert.equal(found.architecture, 'x86_64')
    checkUnpacked(target)
  })
}

test('names with a leading ./ are those without', async () => {
  const entries = honest.map((entry) => ({ ...entry, name: `./${entry.name}`, link: entry.link ?? '' }))
  const paths = { metadata: write(tar([directory('./', 0o777), ...entries])), rootfs: undefined }
  const target = newDirectory()

  await examineImage(paths, { run })
  await unpackImage(paths, target, { run })

  checkUnpacked(target)
})

test('a split image of two tars is examined and unpacked', async () => {
  const own = honest.filter(({ name }) => !name.startsWith('rootfs'))
  const paths = { metadata: write(tar(own)), rootfs: write(tar([directory('./', 0o751), ...rootfs])) }
  const target = newDirectory()

  await examineImage(paths, { run })
  await unpackImage(paths, target, { run })

  checkUnpacked(target)
  assert.equal(statSync(join(target, 'rootfs')).mode & 0o7777, 0o751)
})

test('squashfs images, unified and split, are examined and unpacked', { skip: !isRoot && 'needs root' }, async () => {
  const tree = newDirectory()
  tool('tar', ['-x', '-C', tree], tar(honest))
  chmodSync(tree, 0o777)
  const [unified, split] = [newPath(), newPath()]
  tool('mksquashfs', [tree, unified, '-quiet', '-no-progress'])
  tool('mksquashfs', [join(tree, 'rootfs'), split, '-quiet', '-no-progress'])
  const own = honest.filter(({ name }) => !name.startsWith('rootfs'))

  for (const paths of [
    { metadata: unified, rootfs: undefined },
    { metadata: write(tar(own)), rootfs: split },
  ]) {
    const target = newDirectory()
    await examineImage(paths, { run })
    await unpackImage(paths, target, { run })
    checkUnpacked(target)
  }
})

const start = [file('metadata.yaml', metadata), directory('rootfs')]

const hostile: readonly (readonly [what: string, entries: readonly TarEntry[], message: RegExp])[] = [
  ['nothing at all', [], /Unsupported compression/],
  ['no metadata.yaml', [directory('rootfs')], /metadata.yaml is missing/],
  ['no rootfs', [file('metadata.yaml', metadata)], /directory rootfs is missing/],
  ['a rootfs only by its content', [file('metadata.yaml', metadata), file('rootfs/x')], /directory rootfs is missing/],
  ['a second rootfs', [...start, directory('rootfs')], /"rootfs": it comes twice/],
  ['a second rootfs that is a link', [...start, symlink('rootfs', '/')], /"rootfs": it comes twice/],
  ['a second rootfs by another name', [...start, symlink('./rootfs', '/')], /"\.\/rootfs": it comes twice/],
  ['a rootfs that is a link', [start[0]!, symlink('rootfs', '/')], /"rootfs": it must be a directory/],
  ['a rootfs that is a file', [start[0]!, file('rootfs')], /"rootfs": it must be a directory/],
  ['a virtual machine', [start[0]!, file('rootfs.img')], /virtual machines are not supported/],
  ['a second metadata.yaml', [...start, file('metadata.yaml')], /"metadata.yaml": it comes twice/],
  [
    'metadata.yaml as a link',
    [symlink('metadata.yaml', '/etc/shadow'), start[1]!],
    /"metadata.yaml": it must be a reg/,
  ],
  [
    'metadata.yaml as a hard link',
    [directory('rootfs'), file('rootfs/x'), hardLink('metadata.yaml', 'rootfs/x')],
    /"metadata.yaml": it must be a regular file/,
  ],
  ['metadata.yaml as a directory', [directory('metadata.yaml'), start[1]!], /"metadata.yaml": it must be a regular/],
  ['a large metadata.yaml', [file('metadata.yaml', '#'.repeat(200_000)), start[1]!], /larger than 131072 bytes/],
  ['templates as a link', [...start, symlink('templates', '/etc')], /"templates": it must be a directory/],
  ['a template that is a link', [...start, symlink('templates/x', '/etc/shadow')], /"templates\/x": it must be a reg/],
  [
    'a template that is a hard link',
    [...start, file('rootfs/x'), hardLink('templates/x', 'rootfs/x')],
    /"templates\/x": it must be a regular file/,
  ],
  ['a template twice', [...start, file('templates/x'), file('templates/x')], /"templates\/x": it comes twice/],
  ['a template in a directory', [...start, directory('templates/x')], /it must be a regular file/],
  ['a template below a directory', [...start, file('templates/x/y')], /without directories/],
  ['a template with a control character', [...start, file('templates/a\nb')], /control characters/],
  ['exec-output as a link', [...start, symlink('exec-output', '/root')], /"exec-output": expected nothing but/],
  ['backup.yaml', [...start, file('backup.yaml')], /"backup.yaml": expected nothing but/],
  ['another directory', [...start, file('other/file')], /"other\/file": expected nothing but/],
  ['an absolute name', [...start, file('/etc/cron.d/x')], /"\/etc\/cron.d\/x" is absolute/],
  ['an absolute name behind ./', [...start, file('.//etc/cron.d/x')], /is absolute/],
  ['the host as a directory', [...start, directory('/')], /is absolute/],
  ['.. at the start', [...start, file('../x')], /has an empty part, "\." or "\.\." in it/],
  ['.. in the middle', [...start, file('rootfs/../../x')], /has an empty part, "\." or "\.\." in it/],
  ['.. at the end', [...start, directory('rootfs/..')], /has an empty part, "\." or "\.\." in it/],
  ['. in the middle', [...start, file('rootfs/./dev/x')], /has an empty part, "\." or "\.\." in it/],
  ['an empty part', [...start, file('rootfs//dev/x')], /has an empty part, "\." or "\.\." in it/],
  ['a hard link to an absolute name', [...start, hardLink('rootfs/x', '/etc/shadow')], /"\/etc\/shadow" is absolute/],
  ['a hard link out of the tree', [...start, hardLink('rootfs/x', '../../etc/shadow')], /has an empty part/],
  [
    'a hard link to metadata.yaml',
    [...start, hardLink('rootfs/x', 'metadata.yaml')],
    /"rootfs\/x": it is a hard link to outside of rootfs/,
  ],
  ['a hard link to rootfs', [...start, hardLink('rootfs/x', 'rootfs')], /is a hard link to outside of rootfs/],
  [
    'a hard link to a node',
    [...start, node('rootfs/dev/sda'), hardLink('rootfs/x', 'rootfs/dev/sda')],
    /file in \/dev/,
  ],
  [
    'a file below a link',
    [...start, symlink('rootfs/x', '/'), file('rootfs/x/etc/cron.d/x')],
    /"rootfs\/x\/etc\/cron.d\/x": it is below a symbolic link/,
  ],
  [
    'a hard link to below a link',
    [...start, symlink('rootfs/x', '/'), hardLink('rootfs/y', 'rootfs/x/etc/shadow')],
    /"rootfs\/y": it is below a symbolic link/,
  ],
  [
    'a file below a link that has odd characters',
    [...start, symlink('rootfs/a" -> "b\\', '/'), file('rootfs/a" -> "b\\/x')],
    /it is below a symbolic link/,
  ],
  ['a device node', [...start, node('rootfs/sda')], /"rootfs\/sda": a device node may be in \/dev only/],
  ['a device node beside rootfs', [...start, node('dev/sda')], /"dev\/sda": expected nothing but/],
  ['an entry of an unknown kind', [...start, { name: 'rootfs/x', type: 'Z' }], /unknown kind/],
  ['a deep tree', [...start, file(`rootfs/${'a/'.repeat(45)}x`)], /is too deep/],
  [
    'many entries',
    [...start, ...Array.from({ length: 60 }, (_, index) => file(`rootfs/${index}`))],
    /more than 50 ent/,
  ],
  [
    'many links',
    [...start, ...Array.from({ length: 40 }, (_, index) => symlink(`rootfs/${'l'.repeat(80)}${index}`, 'x'))],
    /too many symbolic links/,
  ],
  ['a bomb', [...start, { ...file('rootfs/x'), size: 2 ** 32 }], /unpacks to more than|Cannot read the archive/],
]

const limits = { ...defaultLimits, entries: 50, depth: 40, bytes: 2 ** 20, names: 3000 }

for (const [what, entries, message] of hostile) {
  test(`an image with ${what} is refused`, async () => {
    const paths = { metadata: write(tar(entries)), rootfs: undefined }

    await assert.rejects(examineImage(paths, { run, limits }), message)
  })
}

test('a bomb is given up before it is unpacked', async () => {
  const entries = [...start, file('rootfs/x', '\0'.repeat(3 << 20))]
  const paths = { metadata: write(tool('xz', ['-c'], tar(entries))), rootfs: undefined }

  await assert.rejects(examineImage(paths, { run, limits }), /it unpacks to more than 1048576 bytes/)
})

const hostileParts: readonly (readonly [what: string, own: TarEntry[], rest: TarEntry[], message: RegExp])[] = [
  ['a rootfs in the metadata', [...start], [directory('./')], /"rootfs": expected nothing but metadata.yaml and te/],
  ['a link as root', [start[0]!], [symlink('./', '/')], /the root is not a directory|is not a directory/],
  ['a hard link out of the tree', [start[0]!], [hardLink('x', '../metadata.yaml')], /has an empty part/],
  ['an absolute name', [start[0]!], [file('/x')], /"\/x" is absolute/],
  ['an empty rootfs', [start[0]!], [], /Unsupported compression/],
]

for (const [what, own, rest, message] of hostileParts) {
  test(`a split image with ${what} is refused`, async () => {
    const paths = { metadata: write(tar(own)), rootfs: write(tar(rest)) }

    await assert.rejects(examineImage(paths, { run }), message)
  })
}

const broken: readonly (readonly [what: string, bytes: Buffer, message: RegExp])[] = [
  ['text', Buffer.from('hello'), /Unsupported compression/],
  ['an empty file', Buffer.alloc(0), /Unsupported compression/],
  ['a shell script', Buffer.from('exit 0 # a shell script\n'.repeat(100)), /Unsupported compression/],
  [
    'a tar that is cut off',
    tar([file('metadata.yaml', '#'.repeat(20_000))]).subarray(0, 5000),
    /Cannot read the archive/,
  ],
  ['a gzip that is cut off', tool('gzip', ['-c'], tar(honest)).subarray(0, 200), /Cannot read the archive/],
  [
    'an xz of noise',
    Buffer.concat([Buffer.from('\xfd7zXZ\0', 'latin1'), Buffer.alloc(500, 7)]),
    /Cannot read the arch/,
  ],
  ['a squashfs of noise', Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(500, 7)]), /Cannot read the archive/],
]

for (const [what, bytes, message] of broken) {
  test(`${what} is no image`, async () => {
    await assert.rejects(examineImage({ metadata: write(bytes), rootfs: undefined }, { run }), message)
  })
}

test('a squashfs with a line break in a name is refused', { skip: !isRoot && 'needs root' }, async () => {
  const tree = newDirectory()
  writeFileSync(join(tree, 'metadata.yaml'), metadata)
  mkdirSync(join(tree, 'rootfs'))
  writeFileSync(join(tree, 'rootfs/a\nb'), '')
  const path = newPath()
  tool('mksquashfs', [tree, path, '-quiet', '-no-progress'])

  await assert.rejects(examineImage({ metadata: path, rootfs: undefined }, { run }), /control characters/)
})

const hostileTrees: readonly (readonly [what: string, make: (tree: string) => void, message: RegExp])[] = [
  [
    'templates as a link',
    (tree) => symlinkSync('/etc', join(tree, 'templates')),
    /"templates": it must be a directory/,
  ],
  ['another file', (tree) => writeFileSync(join(tree, 'backup.yaml'), ''), /"backup.yaml": expected nothing but/],
  ['a node', (tree) => void tool('mknod', [join(tree, 'rootfs/sda'), 'b', '8', '0']), /"rootfs\/sda": a device node/],
]

for (const [what, make, message] of hostileTrees) {
  test(`a unified squashfs with ${what} is refused`, { skip: !isRoot && 'needs root' }, async () => {
    const tree = newDirectory()
    writeFileSync(join(tree, 'metadata.yaml'), metadata)
    mkdirSync(join(tree, 'rootfs'))
    make(tree)
    const path = newPath()
    tool('mksquashfs', [tree, path, '-quiet', '-no-progress'])

    await assert.rejects(examineImage({ metadata: path, rootfs: undefined }, { run }), message)
  })
}

test('unpacking ends at once when it is cancelled', async () => {
  const entries = [...start, file('rootfs/x', 'x'.repeat(64 << 20))]
  const paths = { metadata: write(tool('gzip', ['-1', '-c'], tar(entries))), rootfs: undefined }

  await assert.rejects(unpackImage(paths, newDirectory(), { run, signal: AbortSignal.timeout(30) }), {
    name: 'TimeoutError',
  })
})
