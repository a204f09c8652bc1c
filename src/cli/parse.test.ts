import assert from 'node:assert/strict'
import { test } from 'node:test'

import { numberFlag, switchFlag, textFlag, textsFlag } from './command.ts'
import { firstArgument, globalFlags, parse } from './parse.ts'

const flags = {
  all: switchFlag('All', { short: 'a' }),
  console: textFlag('Console', { bare: 'console' }),
  count: numberFlag('Count', { short: 'c', default: -1 }),
  force: switchFlag('Force', { short: 'f' }),
  name: textFlag('Name', { short: 'n', default: 'nobody' }),
  set: textsFlag('Set', { short: 's' }),
}

const none = { all: false, console: '', count: -1, force: false, name: 'nobody', set: [] }

const lines: readonly (readonly [words: string, args: readonly string[], values: object])[] = [
  ['', [], {}],
  ['a b', ['a', 'b'], {}],
  ['a --force b -a', ['a', 'b'], { force: true, all: true }],
  ['-fa x', ['x'], { force: true, all: true }],
  ['-n x y', ['y'], { name: 'x' }],
  ['-nx', [], { name: 'x' }],
  ['-n=x', [], { name: 'x' }],
  ['-fnx', [], { force: true, name: 'x' }],
  ['--name x', [], { name: 'x' }],
  ['--name=x=y', [], { name: 'x=y' }],
  ['--name=', [], { name: '' }],
  ['--name --force', [], { name: '--force' }],
  ['-s a=1 --set b=2 -sc', [], { set: ['a=1', 'b=2', 'c'] }],
  ['-c 5', [], { count: 5 }],
  ['--count=-3', [], { count: -3 }],
  ['--force=false --all=1', [], { force: false, all: true }],
  ['--console a', ['a'], { console: 'console' }],
  ['--console=vga a', ['a'], { console: 'vga' }],
  ['a -- --force -x', ['a', '--force', '-x'], {}],
  ['-', ['-'], {}],
]

for (const [words, args, values] of lines) {
  test(`"${words}" is understood`, () => {
    const parsed = parse(words === '' ? [] : words.split(' '), flags)

    assert.deepEqual(parsed.args, args)
    assert.deepEqual(parsed.values, { ...none, ...values })
    assert.deepEqual([...parsed.given].sort(), Object.keys(values).sort())
  })
}

const mistakes: readonly (readonly [words: string, message: string])[] = [
  ['--nope', 'unknown flag: --nope'],
  ['--constructor', 'unknown flag: --constructor'],
  ['-x', "unknown shorthand flag: 'x' in -x"],
  ['-fx', "unknown shorthand flag: 'x' in -x"],
  ['--name', 'flag needs an argument: --name'],
  ['-n', "flag needs an argument: 'n' in -n"],
  ['--count x', 'invalid argument "x" for "--count" flag: expected a whole number'],
  ['--force=maybe', 'invalid argument "maybe" for "--force" flag: expected true or false'],
]

for (const [words, message] of mistakes) {
  test(`"${words}" is refused`, () => {
    assert.throws(() => parse(words.split(' '), flags), { kind: 'bad-request', message })
  })
}

test('two parses share nothing', () => {
  parse(['-s', 'a'], flags)

  assert.deepEqual(parse([], flags).values['set'], [])
})

test('the name of a command is the first word that is no flag and no value of one', () => {
  const at = (line: string): number => firstArgument(line.split(' '), globalFlags)

  assert.equal(at('list'), 0)
  assert.equal(at('--debug list'), 1)
  assert.equal(at('--project p list'), 2)
  assert.equal(at('--project=p list'), 1)
  assert.equal(at('-q --help'), -1)
  assert.equal(at('-- list'), -1)
})
