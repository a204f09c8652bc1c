import { badRequest } from '#base/failure.ts'
import type { Store } from '#store/store.ts'
import { Policy } from './policy.ts'
import type { PolicyOptions } from './policy.ts'

/** The policy for tests of what is written through it: by default of instances without keys, devices and profiles. */
export function fakePolicy(store: Store, more: Partial<PolicyOptions> = {}): Policy {
  return new Policy({
    store,
    instanceKeys: {},
    kindOf({ type }) {
      throw badRequest(`Unsupported device type "${type}"`)
    },
    expand: (instance) => instance,
    ...more,
  })
}

/** A policy that allows everything and needs no projects to be there. */
export function noPolicy(store: Store): Pick<Policy, 'check' | 'commit' | 'diskBudget' | 'diskDirectories'> {
  return {
    check: () => [],
    commit: (_proposal, changes, compare) => store.commit(changes, compare),
    diskBudget: () => undefined,
    diskDirectories: () => undefined,
  }
}
