import assert from 'node:assert/strict'
import { test } from 'node:test'
import { execEnvironment, execOptions } from './exec.ts'

const command = { command: ['true'], environment: {}, user: 0, group: 0, cwd: '' }
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin'

test('the environment is what a login sets, the instance and the client say, the last one first', () => {
  assert.deepEqual(execEnvironment({}, command), { PATH: path, HOME: '/root', USER: 'root', LANG: 'C.UTF-8' })
  assert.deepEqual(execEnvironment({}, { ...command, user: 1000 }), { PATH: path, LANG: 'C.UTF-8' })
  const config = { 'environment.LANG': 'de_DE.UTF-8', 'environment.A': 'instance', 'environment.B': 'x', 'user.C': 'y' }
  assert.deepEqual(execEnvironment(config, { ...command, environment: { A: 'client', HOME: '/tmp' } }), {
    PATH: path,
    HOME: '/tmp',
    USER: 'root',
    LANG: 'de_DE.UTF-8',
    A: 'client',
    B: 'x',
  })
})

test('a command starts in the home directory where its client does not say', () => {
  for (const [change, cwd] of [
    [{}, '/root'],
    [{ cwd: '/srv' }, '/srv'],
    [{ user: 1000 }, '/'],
    [{ user: 1000, environment: { HOME: '/home/me' } }, '/home/me'],
    [{ environment: { HOME: 'odd' } }, '/'],
  ] as const) {
    assert.equal(execOptions('c1', {}, { ...command, ...change }).cwd, cwd)
  }
})

test('a command that can not be is refused by the field', () => {
  for (const [change, message] of [
    [{ command: [] }, /"command"/],
    [{ command: [''] }, /"command"/],
    [{ command: ['a\0b'] }, /"command"/],
    [{ environment: { 'A=B': 'c' } }, /"environment"/],
    [{ environment: { '': 'c' } }, /"environment"/],
    [{ environment: { A: '\0' } }, /"environment"/],
    [{ cwd: 'relative' }, /"cwd"/],
  ] as const) {
    assert.throws(() => execOptions('c1', {}, { ...command, ...change }), message)
  }
})
