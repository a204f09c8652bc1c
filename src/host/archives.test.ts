import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Archive, recogniseArchive } from './archives.ts'
import type { ArchiveEntry } from './archives.ts'
import type { Run } from './run.ts'

const root = mkdtempSync(join(tmpdir(), 'lxd-archives-'))
after(() => rmSync(root, { recursive: true }))

const magics = [
  ['tar.gz', '1f8b0800'],
  ['tar.bz2', '425a6839'],
  ['tar.xz', 'fd377a585a0000'],
  ['tar.lzma', '5d00008000'],
  ['tar.zst', '28b52ffd04'],
  ['squashfs', '68737173'],
  ['tar', `${'00'.repeat(257)}7573746172`],
] as const

for (const [kind, hex] of magics) {
  test(`an archive that starts with ${hex.slice(-12)} is recognised as ${kind}, whatever its name`, async () => {
    const path = join(root, 'name.zip')
    writeFileSync(path, Buffer.from(hex, 'hex'))

    assert.equal(await recogniseArchive(path), kind)
  })
}

/** A tool that prints `text`, in pieces of `size` bytes. */
function printing(text: string, size = 7): Run {
  const bytes = Buffer.from(text)
  return async (_program, _args, options) => {
    for (let at = 0; at < bytes.length; at += size) options?.onStdout?.(bytes.subarray(at, at + size))
    return { code: 0, stdout: '', stderr: '' }
  }
}

async function list(kind: 'tar' | 'squashfs', text: string, size?: number): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = []
  await new Archive({ path: '/x', kind, run: printing(text, size) }).list((entry) => entries.push(entry))
  return entries
}

test("tar's list is read entry by entry, wherever its output is cut", async () => {
  const text = String.raw`drwxr-xr-x 0/0               0 2026-01-31 12:00:00 "./"
-rw-r--r-- 1000/1000   1048576 2026-01-31 12:00:00.5 "./a \"b\" -> \"c\n"
lrwxrwxrwx 0/0               0 2026-01-31 12:00:00 "l -> q" -> "x y"
hrw-r--r-- 0/0               0 2026-01-31 12:00:00 "h" link to "a\" link to \"b"
crw-r--r-- 0/0             1,3 2026-01-31 12:00:00 "dev/null"
prw-r--r-- 0/0               0 2026-01-31 12:00:00 "é"
`
  const target = undefined
  const expected = [
    { type: 'directory', name: './', size: 0, target },
    { type: 'file', name: String.raw`./a \"b\" -> \"c\n`, size: 1_048_576, target },
    { type: 'symlink', name: 'l -> q', size: 0, target },
    { type: 'hardlink', name: 'h', size: 0, target: String.raw`a\" link to \"b` },
    { type: 'character', name: 'dev/null', size: 0, target },
    { type: 'fifo', name: 'é', size: 0, target },
  ]

  for (const size of [1, 7, 10_000]) assert.deepEqual(await list('tar', text, size), expected)
})

test("unsquashfs's list is read entry by entry", async () => {
  const text = `drwxr-xr-x 0/0                      50 2026-01-31 12:00 squashfs-root
-rw-r--r-- 0/0                       5 2026-01-31 12:00 squashfs-root/a b
lrwxrwxrwx 0/0                       3 2026-01-31 12:00 squashfs-root/l -> x -> y
crw-r--r-- 0/0                   1,  3 2026-01-31 12:00 squashfs-root/dev/null
`
  const target = undefined

  assert.deepEqual(await list('squashfs', text), [
    { type: 'directory', name: '', size: 50, target },
    { type: 'file', name: 'a b', size: 5, target },
    { type: 'symlink', name: 'l', size: 3, target },
    { type: 'character', name: 'dev/null', size: 1, target },
  ])
})

test('a list that is not what it should be is refused', async () => {
  await assert.rejects(list('tar', 'tar: what a day\n'), /entry of an unknown kind/)
  await assert.rejects(list('tar', `-rw-r--r-- 0/0 1 "${'a'.repeat(70_000)}`, 10_000), /name that is too long/)
  await assert.rejects(list('squashfs', 'and so on\n'), /name with control characters/)
})

test('long unpacking tells how far it is', async () => {
  const path = join(root, 'long.tar')
  writeFileSync(path, Buffer.alloc(1000))
  const run: Run = async () => {
    await sleep(600)
    return { code: 0, stdout: '', stderr: '' }
  }
  const told: string[] = []

  await new Archive({ path, kind: 'tar', run }).unpack(root, [], { progress: (...said) => told.push(said.join(' ')) })

  assert.match(told[0] ?? '', /^create_instance_from_image_unpack Unpack: 0% \(0\.00MB\/s\)$/)
})
