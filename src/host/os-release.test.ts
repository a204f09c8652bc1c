import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOsRelease, readOsRelease } from './os-release.ts'

test('name and version are read in every form of quoting', () => {
  for (const [text, name, version] of [
    ['NAME="Debian GNU/Linux"\nVERSION_ID="12"\n', 'Debian GNU/Linux', '12'],
    ["# comment\nNAME='Alpine Linux'\nVERSION_ID=3.20.1", 'Alpine Linux', '3.20.1'],
    ['NAME="A \\"b\\" \\$c"\n', 'A "b" $c', ''],
    ['PRETTY_NAME=x\n  VERSION_ID=1', '', '1'],
    ['', '', ''],
  ] as const) {
    assert.deepEqual(parseOsRelease(text), { name, version })
  }
})

test('a system that does not say has no name', async () => {
  assert.deepEqual(await readOsRelease(['/nonexistent']), { name: '', version: '' })
})
