import assert from 'node:assert/strict'
import { test } from 'node:test'

import { all } from './all.ts'
import type { AnyCommand, Entry, Group, Tree } from './command.ts'
import { globalFlags } from './parse.ts'

interface Listed {
  readonly path: string
  readonly entry: Entry
  readonly loaded: AnyCommand | Group
}

async function everything(tree: Tree, above = ''): Promise<Listed[]> {
  const listed = Object.entries(tree).map(async ([name, entry]) => {
    const path = above === '' ? name : `${above} ${name}`
    return [{ path, entry, loaded: await entry.load() }, ...(await everything(entry.commands ?? {}, path))]
  })
  return (await Promise.all(listed)).flat()
}

for (const { path, entry, loaded } of await everything(all)) {
  test(`${path} is listed under its own name and aliases`, () => {
    assert.equal(loaded.name, path)
    assert.deepEqual(entry.aliases ?? [], loaded.aliases ?? [])
    assert.equal(loaded.kind, entry.commands === undefined ? 'command' : 'group')
  })

  test(`${path} says what it does`, () => {
    assert.match(loaded.doc, /^[A-Z].*[^.]$/)
    if (loaded.kind === 'group') return
    for (const [name, flag] of Object.entries(loaded.flags)) {
      assert.match(flag.doc, /^\S/, name)
      // `remote add` takes the word for its own: the project to remember.
      const own = path === 'remote add' && name === 'project'
      assert.ok(own || !Object.hasOwn(globalFlags, name), `--${name} is a global flag`)
    }
    const letters = Object.values({ ...globalFlags, ...loaded.flags }).flatMap(({ short }) => short ?? [])
    assert.equal(new Set(letters).size, letters.length, 'two flags share a letter')
    assert.ok(loaded.args[0] <= loaded.args[1])
  })
}
