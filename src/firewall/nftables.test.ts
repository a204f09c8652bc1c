import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkChains, networkRules } from './network-rules.ts'
import type { FamilyRules } from './network-rules.ts'
import { deleteTable, replaceChains } from './nftables.ts'
import type { Chain, Match, Verdict } from './rules.ts'

const ipv4: FamilyRules = {
  family: 4,
  subnet: '10.0.0.0/24',
  filter: true,
  dhcp: true,
  routing: true,
  nat: { address: undefined, order: 'before' },
}
const ipv6: FamilyRules = { ...ipv4, family: 6, subnet: 'fd42::/64' }

/** The lines of the ruleset after those that take the old chains away. */
function rules(families: readonly FamilyRules[], dns = true): string[] {
  const chains = networkRules({ link: 'br0', dns, families })
  return replaceChains([], chains)
    .split('\n')
    .filter((line) => line.startsWith('add rule') || line.includes('{ type'))
    .map((line) => line.replace(/^add (chain|rule) inet lxd /, ''))
    .filter((line) => line !== '')
}

test('a network is served, forwarded and translated', () => {
  assert.deepEqual(rules([ipv4]), [
    'pstrt.br0 { type nat hook postrouting priority srcnat - 1; policy accept; }',
    'pstrt.br0 ip saddr 10.0.0.0/24 ip daddr != 10.0.0.0/24 masquerade',
    'fwd.br0 { type filter hook forward priority filter; policy accept; }',
    'fwd.br0 meta nfproto ipv4 oifname "br0" accept',
    'fwd.br0 meta nfproto ipv4 iifname "br0" accept',
    'in.br0 { type filter hook input priority filter; policy accept; }',
    'in.br0 iifname "br0" tcp dport 53 accept',
    'in.br0 iifname "br0" udp dport 53 accept',
    'in.br0 iifname "br0" icmp type { destination-unreachable, time-exceeded, parameter-problem } accept',
    'in.br0 iifname "br0" udp dport 67 accept',
    'out.br0 { type filter hook output priority filter; policy accept; }',
    'out.br0 oifname "br0" tcp sport 53 accept',
    'out.br0 oifname "br0" udp sport 53 accept',
    'out.br0 oifname "br0" icmp type { destination-unreachable, time-exceeded, parameter-problem } accept',
    'out.br0 oifname "br0" udp sport 67 accept',
  ])
})

test('IPv6 lets router and neighbour discovery through', () => {
  const found = rules([ipv6]).filter((line) => line.includes('icmpv6'))
  assert.deepEqual(found, [
    'in.br0 iifname "br0" icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept',
    'out.br0 oifname "br0" icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept',
  ])
})

test('each key has its rule', () => {
  const has = (families: readonly FamilyRules[], line: string) => rules(families).some((one) => one.includes(line))
  const address = { ...ipv4, nat: { address: '192.0.2.1', order: 'after' } } as const

  assert.ok(has([address], 'pstrt-late.br0 { type nat hook postrouting priority srcnat + 1;'))
  assert.ok(has([address], 'daddr != 10.0.0.0/24 snat ip to 192.0.2.1'))
  assert.ok(has([{ ...ipv6, nat: { address: '2001:db8::1', order: 'before' } }], 'snat ip6 to 2001:db8::1'))
  assert.equal(has([{ ...ipv4, nat: undefined }], 'pstrt'), false)
  assert.ok(has([{ ...ipv4, routing: false }], 'meta nfproto ipv4 iifname "br0" reject with icmp port-unreachable'))
  assert.ok(has([{ ...ipv6, routing: false }], 'meta nfproto ipv6 oifname "br0" reject with icmpv6 port-unreachable'))
  assert.equal(has([{ ...ipv4, dhcp: false }], 'dport 67'), false)
  assert.equal(has([{ ...ipv4, filter: false }], 'fwd.br0'), false)
  assert.ok(has([{ ...ipv4, filter: false }], 'dport 53'), 'DNS is served still')
  assert.deepEqual(rules([], false), [])
})

test('old chains go in the transaction that brings the new ones, and no others', () => {
  const text = replaceChains(networkChains('br0'), networkRules({ link: 'br0', dns: true, families: [ipv4] }))
  const lines = text.split('\n')
  assert.equal(lines[0], 'add table inet lxd')
  for (const kind of ['pstrt', 'pstrt-late', 'fwd', 'in', 'out']) {
    assert.ok(lines.includes(`add chain inet lxd ${kind}.br0`))
    assert.ok(lines.includes(`delete chain inet lxd ${kind}.br0`))
  }
  assert.equal(lines.filter((line) => line.startsWith('delete')).length, 5)
  assert.ok(!text.includes('flush'))
  assert.equal(replaceChains([], []), '')
  assert.equal(deleteTable('inet'), 'add table inet lxd\ndelete table inet lxd\n')
})

test('what a rule can not carry is refused', () => {
  const chain = (match: Match[], verdict: Verdict = { do: 'accept' }, name = 'in.br0'): Chain => {
    return { family: 'inet', name, type: 'filter', hook: 'input', order: 0, rules: [{ match, verdict }] }
  }
  for (const bad of [
    chain([{ iif: 'br0" accept; #' }]),
    chain([{ oif: 'br0\n' }]),
    chain([{ iif: 'br*' }]),
    chain([{ source: '10.0.0.0/24 accept' }]),
    chain([{ destination: '0.0.0.0/33' }]),
    chain([{ protocol: 'tcp', destinationPort: 70_000 }]),
    chain([{ protocol: 'udp', sourcePort: 1.5 }]),
    chain([{ icmp: ['echo-request }'] }]),
    chain([], { do: 'snat', to: '10.0.0.1; drop' }),
    chain([], { do: 'accept' }, 'in.br0 { }'),
    chain([], { do: 'accept' }, '-in'),
  ]) {
    assert.throws(() => replaceChains([], [bad]), /Invalid/)
  }
})
