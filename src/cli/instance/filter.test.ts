import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { InstanceFull } from '#client/instances.ts'

import { matchesAll } from './filter.ts'

const address = (family: string, text: string) => ({ family, address: text, netmask: '24', scope: 'global' })
const instance = {
  name: 'web-01',
  type: 'container',
  status: 'Running',
  architecture: 'x86_64',
  location: 'none',
  config: {},
  expanded_config: { 'user.owner': 'ann', 'security.privileged': 'true', 'volatile.eth0.hwaddr': '00:16:3e:01:02:03' },
  state: {
    network: { eth0: { addresses: [address('inet', '10.1.1.7'), address('inet6', 'fd42::216:3eff:fe01:203')] } },
  },
} as unknown as InstanceFull

const filters: readonly (readonly [filters: string, matches: boolean])[] = [
  ['', true],
  ['web', true],
  ['web-01', true],
  ['eb', false],
  ['web-.*[0-9]', true],
  ['.*01', true],
  ['.*0', false],
  ['(', false],
  ['user.owner=ann', true],
  ['u.o=ann', true],
  ['u.owner=a.*', true],
  ['user.owner=an', false],
  ['user.owner=bob', false],
  ['user.missing=', true],
  ['user.missing=x', false],
  ['s.priv=true', true],
  ['volatile.eth0.hwaddr=00:16:3e:.*', true],
  ['type=container', true],
  ['TYPE=Container', true],
  ['type=virtual-machine,container', true],
  ['type=virtual-machine', false],
  ['status=running', true],
  ['status=stopped', false],
  ['architecture=x86_64', true],
  ['ipv4=10.1.1.7', true],
  ['ipv4=10.1.0.0/16', true],
  ['ipv4=10.2.0.0/16', false],
  ['ipv4=10.1.1.0/33', false],
  ['ipv4=nonsense', false],
  ['ipv4=', true],
  ['ipv6=fd42::/64', true],
  ['ipv6=fd42:0:0:0:216:3eff:fe01:203', true],
  ['ipv6=fd43::/64', false],
  ['web type=container user.owner=ann', true],
  ['web type=virtual-machine', false],
]

for (const [text, matches] of filters) {
  test(`the filters "${text}" ${matches ? 'match' : 'do not match'}`, () => {
    assert.equal(matchesAll(instance, text === '' ? [] : text.split(' ')), matches)
  })
}
