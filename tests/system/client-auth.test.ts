import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { ok, ourLxc, RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

const client = new URL('../../bin/lxc', import.meta.url).pathname
const lxc = (line: string): string => ok(ourLxc(...line.split(' ')))
const refusal = (line: string): string => {
  const { code, stderr } = ourLxc(...line.split(' '))
  assert.equal(code, 1, line)
  return stderr
}

test('groups are made, changed, listed and deleted', () => {
  assert.equal(lxc('auth group create ops --description Operators'), 'Group ops created\n')
  assert.match(refusal('auth group create ops'), /^Error: .*ops/)
  lxc('auth group permission add ops server viewer')
  lxc('auth group permission add ops project default operator')
  assert.match(refusal('auth group permission add ops server viewer'), /already has the permission/)
  assert.match(refusal('auth group permission add ops server emperor'), /entitlement/)
  assert.match(refusal('auth group permission add ops volume x viewer'), /Invalid entity type "volume"/)
  assert.match(refusal('auth group permission remove ops server admin'), /does not have the permission/)

  assert.equal(lxc('auth group list -f csv'), 'ops,Operators\n')
  assert.equal(
    lxc('auth group show ops'),
    `name: ops
description: Operators
permissions:
- entity_type: server
  url: /1.0
  entitlement: viewer
- entity_type: project
  url: /1.0/projects/default
  entitlement: operator
identities: {}
identity_provider_groups: []
`,
  )
  lxc('auth group permission remove ops server viewer')
  assert.equal(lxc('auth permission list entity_type=project project=default -f csv').split('\n').length, 5)
  assert.match(lxc('auth permission list -f csv'), /^project,\/1\.0\/projects\/default,operator,ops$/m)
  assert.match(refusal('auth permission list nonsense=1'), /Invalid filter "nonsense=1"/)

  ok(runProgram(client, ['auth', 'group', 'edit', 'ops'], 'description: edited\npermissions: []\n'))
  assert.equal(lxc('auth group rename ops crew'), 'Group ops renamed to crew\n')
  assert.equal(lxc('auth group list -f csv'), 'crew,edited\n')
  assert.equal(lxc('auth group delete crew'), 'Group crew deleted\n')
  assert.equal(lxc('auth group list -f csv'), '')
})

test('a local user is declared, given groups, and forgotten', () => {
  lxc('auth group create a')
  lxc('auth group create b')
  assert.equal(lxc('auth identity create unix/user:nobody --group a'), 'Identity unix/user:nobody created\n')
  lxc('auth identity group add unix/user:nobody b')
  assert.match(refusal('auth identity group add local:unix/user:nobody b'), /is in group "b" already/)
  lxc('auth identity group remove unix/user:nobody a')
  assert.match(lxc('auth identity list -f csv'), /^unix,.*,user:nobody,b$/m)
  assert.match(lxc('auth identity show local:unix/user:nobody'), /^groups:\n- b\n/m)
  assert.match(lxc('auth group show b'), /unix:\n {2}- user:nobody/)

  ok(runProgram(client, ['auth', 'identity', 'edit', 'unix/user:nobody'], 'groups: [a]\n'))
  assert.match(lxc('auth identity show unix/user:nobody'), /^groups:\n- a\n/m)
  assert.equal(lxc('auth identity delete unix/user:nobody'), 'Identity unix/user:nobody deleted\n')
  assert.match(refusal('auth identity show unix/user:nobody'), /not found/i)
  assert.match(refusal('auth identity show nobody'), /Malformed identity "nobody"/)
  assert.match(refusal('auth identity list nope:'), /The remote "nope" doesn't exist/)
  assert.match(lxc('auth identity info'), /^authentication_method: unix$/m)
})

test('groups of the identity provider are mapped', () => {
  lxc('auth identity-provider-group create staff --group a')
  lxc('auth identity-provider-group group add staff b')
  assert.match(refusal('auth identity-provider-group group add staff b'), /is mapped already/)
  assert.equal(lxc('auth identity-provider-group show staff'), 'name: staff\ngroups:\n- a\n- b\n')
  lxc('auth identity-provider-group group remove staff a')
  lxc('auth identity-provider-group rename staff people')
  assert.equal(lxc('auth identity-provider-group list -f csv'), 'people,b\n')
  lxc('auth identity-provider-group delete people')
  assert.equal(lxc('auth identity-provider-group list -f csv'), '')
})
