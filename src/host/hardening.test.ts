import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { hardenHost } from './hardening.ts'

let root: string
const modeOf = (path: string) => (statSync(join(root, path)).mode & 0o777).toString(8)
const namespace = (number: number) => {
  mkdirSync(join(root, 'proc/self/ns'), { recursive: true })
  symlinkSync(`pid:[${number}]`, join(root, 'proc/self/ns/pid'))
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lxd-'))
  mkdirSync(join(root, 'proc'))
  mkdirSync(join(root, 'sys/kernel/slab'), { recursive: true, mode: 0o755 })
  writeFileSync(join(root, 'proc/sched_debug'), '', { mode: 0o444 })
})
afterEach(() => rmSync(root, { recursive: true }))

test('what tells of all processes is for root only, and a stricter mode stays', async () => {
  namespace(4026531836)
  assert.deepEqual(await hardenHost(root), [])
  assert.deepEqual(['proc/sched_debug', 'sys/kernel/slab'].map(modeOf), ['400', '700'])
  chmodSync(join(root, 'sys/kernel/slab'), 0o500)
  assert.deepEqual(await hardenHost(root), [])
  assert.equal(modeOf('sys/kernel/slab'), '500')
})

test('what this kernel has not is no failure; what is in the way is', async () => {
  namespace(4026531836)
  rmSync(join(root, 'proc/sched_debug'))
  rmSync(join(root, 'sys/kernel'), { recursive: true })
  assert.deepEqual(await hardenHost(root), [])
  writeFileSync(join(root, 'sys/kernel'), '')
  const [failed] = await hardenHost(root)
  assert.equal(failed?.path, join(root, 'sys/kernel/slab'))
  assert.match(failed?.error ?? '', /ENOTDIR/)
})

test('inside a container or a sandbox the files of the host stay as they are', async () => {
  namespace(4026532000)
  assert.deepEqual(await hardenHost(root), [])
  assert.deepEqual(['proc/sched_debug', 'sys/kernel/slab'].map(modeOf), ['444', '755'])
})
