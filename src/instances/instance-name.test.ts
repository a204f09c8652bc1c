import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkInstanceName, instanceOf, newInstanceName, runtimeName } from './instance-name.ts'

test('an instance name is a host name that starts with a letter', () => {
  for (const name of ['a', 'c1', 'web-1', 'A', 'a'.repeat(63)]) checkInstanceName(name)
  for (const name of ['', '1a', '-a', 'a-', 'a_b', 'a.b', 'a b', 'a/b', '..', 'a'.repeat(64), 'a\n', 'é']) {
    assert.throws(() => checkInstanceName(name), /Invalid instance name/, JSON.stringify(name))
  }
})

test('the name at the runtime leads back to project and name', () => {
  for (const [project, name, runtime] of [
    ['default', 'c1', 'c1'],
    ['web', 'c1', 'web_c1'],
    ['default-2', 'c-1', 'default-2_c-1'],
  ] as const) {
    assert.equal(runtimeName(project, name), runtime)
    assert.deepEqual(instanceOf(runtime), { project, name })
  }
})

test('a made-up name is valid and not taken', () => {
  const taken = new Set<string>()
  for (let count = 0; count < 2000; count++) {
    const name = newInstanceName((one) => taken.has(one))
    checkInstanceName(name)
    assert.ok(!taken.has(name))
    taken.add(name)
  }
})
