import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMetadata } from './metadata.ts'

test('metadata.yaml tells what an image is', () => {
  const metadata = parseMetadata(`
architecture: amd64
creation_date: 1700000000
expiry_date: 1900000000
unknown: { a: [b] }
properties:
  os: busybox
  release: 1.50
  empty:
  flag: true
templates:
  /etc/hostname:
    when: [create, copy]
    create_only: true
    template: hostname.tpl
    properties: { default: "a: b" }
`)

  assert.deepEqual(metadata, {
    architecture: 'x86_64',
    createdAt: '2023-11-14T22:13:20Z',
    expiresAt: '2030-03-17T17:46:40Z',
    properties: { os: 'busybox', release: '1.50', empty: '', flag: 'true' },
    templates: {
      '/etc/hostname': {
        when: ['create', 'copy'],
        createOnly: true,
        template: 'hostname.tpl',
        properties: { default: 'a: b' },
      },
    },
  })
})

test('an image without expiry date never expires', () => {
  assert.equal(parseMetadata('{architecture: x86_64, creation_date: 1}').expiresAt, '1970-01-01T00:00:00Z')
})

const good = 'architecture: x86_64\ncreation_date: 1\n'

const hostile: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['an empty file', '', /Missing creation date/],
  ['a list', '- a\n', /"the file" must be a map, found a list/],
  ['a text', 'hello', /"the file" must be a map, found "hello"/],
  ['a tab', '\t:\n', /not valid YAML/],
  ['binary', '\0\x01\x02', /not valid YAML|must be a map/],
  ['no date', 'architecture: x86_64\n', /Missing creation date/],
  ['a word as date', 'architecture: x86_64\ncreation_date: abc\n', /"creation_date" must be a time in seconds/],
  ['a date in the far future', 'architecture: x86_64\ncreation_date: 999999999999\n', /"creation_date" must be a time/],
  ['a date before 1970', 'architecture: x86_64\ncreation_date: -5\n', /"creation_date" must be a time/],
  ['a list as date', 'architecture: x86_64\ncreation_date: [1]\n', /"creation_date" must be a text, found a list/],
  ['no architecture', 'creation_date: 1\n', /Architecture isn't supported: ""/],
  ['an unknown architecture', 'creation_date: 1\narchitecture: z80\n', /Architecture isn't supported: "z80"/],
  ['a key twice', `${good}architecture: i686\n`, /"architecture" comes twice/],
  ['a list of properties', `${good}properties: [a]\n`, /"properties" must be a map, found a list/],
  ['a list as property', `${good}properties: {a: [1]}\n`, /"properties.a" must be a text, found a list/],
  ['a map as key', `${good}properties: {? {a: b} : c}\n`, /"properties" must have texts as keys/],
  ['a prototype', `${good}properties: {__proto__: {a: b}}\n`, /"properties" has a key "__proto__"/],
  ['an object of a class', `${good}properties: {a: !!js/function 'x'}\n`, /not valid YAML/],
  ['a text as template', `${good}templates: {/a: b}\n`, /"templates.\/a" must be a map/],
  ['a template elsewhere', `${good}templates: {/a: {template: ../x}}\n`, /"templates.\/a.template" must be the name/],
  ['a template without file', `${good}templates: {/a: {when: [x]}}\n`, /"templates.\/a.template" must be the name/],
  ['a text as when', `${good}templates: {/a: {template: x, when: create}}\n`, /"templates.\/a.when" must be a list/],
  ['a word as create_only', `${good}templates: {/a: {template: x, create_only: 5}}\n`, /create_only" must be true or/],
  ['an alias', `${good}a: &a [x]\nproperties: {b: *a}\n`, /Alias/],
  ['a bomb of aliases', `a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n`, /Alias/],
  ['an anchor of itself', `&a a: *a\n`, /Alias|alias/],
  ['several documents', `${good}---\n${good}`, /multiple documents/],
  ['deep brackets', `${good}x: ${'['.repeat(100_000)}`, /not valid YAML/],
  ['deep brackets in quotes', `${good}x: ${'["]",'.repeat(20_000)}`, /not valid YAML/],
  ['deep lists', `${good}x:\n  ${'- '.repeat(50_000)}`, /not valid YAML/],
  ['a large file', `${good}${'#'.repeat(200_000)}`, /larger than 131072 bytes/],
]

for (const [name, text, message] of hostile) {
  test(`${name} in metadata.yaml is refused`, () => {
    assert.throws(() => parseMetadata(text), message)
  })
}

test('many keys take no more than linear time', () => {
  const began = performance.now()

  parseMetadata(`${good}properties:\n${Array.from({ length: 10_000 }, (_, index) => `  k${index}: \n`).join('')}`)

  assert.ok(performance.now() - began < 3000)
})
