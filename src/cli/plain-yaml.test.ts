import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'

import { readPlainYaml } from './plain-yaml.ts'

const understood = [
  '',
  'a: b\n',
  'default-remote: local\nremotes:\n  local:\n    addr: unix://\n    public: false\n  x:\n    addr: https://[::1]:8443\naliases: {}\n',
  'aliases:\n  ll: list -c ns46S\n  in: exec @ARGS@ -- su -l\n',
  'a:\n    b: c\n    d: e\nf: g\n',
  'a: ""\n',
  'a: b:c\n',
]

for (const text of understood) {
  const quick = readPlainYaml(text)
  test(`${JSON.stringify(text)} means what a whole parser says`, () => {
    if (quick !== undefined) assert.deepEqual(quick, (parse(text) as unknown) ?? {})
  })
}

test('the configuration that clients write is understood', () => {
  assert.deepEqual(
    readPlainYaml('default-remote: local\nremotes:\n  local:\n    addr: unix://\n    public: false\naliases: {}\n'),
    {
      'default-remote': 'local',
      remotes: { local: { addr: 'unix://', public: false } },
      aliases: {},
    },
  )
})

const left = [
  'a: 1\n',
  'a: 0x1f\n',
  'a: null\n',
  'a: yes\n',
  'a: "quoted"\n',
  "a: 'quoted'\n",
  'a: b # comment\n',
  '# comment\n',
  'a: [b]\n',
  'a: {b: c}\n',
  'a: &b c\n',
  'a: b: c\n',
  'a: |\n  text\n',
  '- a\n',
  'a:\n- b\n',
  'a:\n',
  'a:\nb: c\n',
  'a: b\n  c: d\n',
  'a:\n    b: c\n  d: e\n',
  'a: b\na: c\n',
  'a: b\tc\n',
  '---\na: b\n',
  'a: 2020-01-01\n',
  'a: b \n',
]

for (const text of left) {
  test(`${JSON.stringify(text)} is left to a whole parser`, () => {
    assert.equal(readPlainYaml(text), undefined)
  })
}
