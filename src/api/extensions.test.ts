import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bool } from '#config/key.ts'
import { announcedExtensions } from './extensions.ts'
import { sync } from './reply.ts'
import { route } from './route.ts'

const get = { doc: '', access: 'view', handle: () => sync(null) } as const

test('an extension is announced once all it needs is there', () => {
  const leases = route('/1.0/networks/{name}/leases', { get })
  const key = bool({ doc: '' })

  assert.ok(!announcedExtensions([], {}).includes('network_leases'))
  assert.ok(announcedExtensions([leases], {}).includes('network_leases'))
  assert.ok(!announcedExtensions([], { network: { 'ipv4.firewall': key } }).includes('network_firewall_filtering'))
  const both = { network: { 'ipv4.firewall': key, 'ipv6.firewall': key } }
  assert.ok(announcedExtensions([], both).includes('network_firewall_filtering'))
  assert.ok(!announcedExtensions([], {}).includes('proxy'))
  assert.ok(announcedExtensions([], { 'device proxy': {} }).includes('proxy'))
})

test('what the API does as a whole is always announced, without repetition', () => {
  const names = announcedExtensions([], {})
  assert.ok(names.includes('etag'))
  assert.equal(new Set(names).size, names.length)
})
