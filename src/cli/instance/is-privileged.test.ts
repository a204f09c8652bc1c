import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceFull } from '#client/instances.ts'
import { isPrivileged } from './is-privileged.ts'

test('an instance is privileged by its own configuration or by a profile', () => {
  for (const [own, expanded, privileged] of [
    [{}, {}, false],
    [{ 'security.privileged': 'true' }, undefined, true],
    [{}, { 'security.privileged': 'Yes' }, true],
    [{ 'security.privileged': 'false' }, { 'security.privileged': 'false' }, false],
  ] as const) {
    const instance = { config: own, ...(expanded && { expanded_config: expanded }) } as unknown as InstanceFull
    assert.equal(isPrivileged(instance), privileged)
  }
})
