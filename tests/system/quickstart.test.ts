import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const root = fileURLToPath(new URL('../../', import.meta.url))

function quickstart(...args: string[]) {
  return spawnSync(`${root}quickstart`, args, { encoding: 'utf8', timeout: 240_000 })
}

function lxc(...args: string[]): string {
  return execFileSync(`${root}bin/lxc`, args, { encoding: 'utf8' })
}

/** What was said to be done, without what was found done already. */
function done(output: string): string[] {
  return output.split('\n').filter((line) => line.includes('==>'))
}

test('a system it does not know is told what is needed and left alone', (t) => {
  writeFileSync('/tmp/os-release', 'ID=plan9\nVERSION_ID=4\n')
  execFileSync('mount', ['--bind', '/tmp/os-release', '/etc/os-release'])
  t.after(() => execFileSync('umount', ['/etc/os-release']))

  for (const args of [[], ['--deps'], ['--image', 'debian']]) {
    const { status, stdout, stderr } = quickstart(...args)
    assert.equal(status, 1)
    assert.match(stderr, /this is not Debian 12 \("plan9 4"\).*Nothing was changed/)
    assert.match(stderr, /liblxc/)
    assert.equal(stdout, '')
  }
  assert.deepEqual(readdirSync('/var/lib/lxd'), [])
})

test('wrong arguments are refused before anything is done', () => {
  for (const args of [['--image', 'floppy'], ['--image'], ['--nonsense'], ['web']]) {
    const { status, stdout, stderr } = quickstart(...args)
    assert.equal(status, 1, args.join(' '))
    assert.match(stderr, /^quickstart: /)
    assert.equal(stdout, '')
  }
})

test('--deps starts nothing', () => {
  const { status, stderr } = quickstart('--deps')
  assert.equal(status, 0, stderr)
  assert.deepEqual(readdirSync('/var/lib/lxd'), [])
})

test('the first run leads to a running container, the second changes nothing', () => {
  const first = quickstart()
  assert.equal(first.status, 0, first.stdout + first.stderr)
  assert.match(first.stdout, /PID +USER +COMMAND\n +1 root/)
  assert.match(lxc('list', '--format', 'csv'), /^first,RUNNING,/)

  const socket = statSync('/var/lib/lxd/unix.socket')
  const state = () => ({
    setUp: execFileSync(`${root}bin/lxd`, ['init', '--dump'], { encoding: 'utf8' }),
    images: lxc('image', 'list', '--format', 'json'),
    first: lxc('config', 'show', 'first', '--expanded'),
  })
  const before = state()
  const second = quickstart()
  assert.equal(second.status, 0, second.stdout + second.stderr)
  assert.deepEqual(
    done(second.stdout),
    done(second.stdout).filter((line) => line.includes('lxc exec first')),
  )
  assert.deepEqual(state(), before)
  assert.equal(statSync('/var/lib/lxd/unix.socket').ino, socket.ino)
})

test('a Debian container boots its own init', () => {
  const { status, stdout, stderr } = quickstart('--image', 'debian')
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /PID TTY|PID +USER/)
  const processes = lxc('exec', 'first-debian', '--', 'ps', '-eo', 'args')
  assert.match(processes, /^\/sbin\/init/m)
  assert.match(processes, /systemd-journald/)
})

test('the directory of another LXD is not taken over', (t) => {
  execFileSync('mkdir', ['-p', '/tmp/other/database/global'])
  t.after(() => execFileSync('rm', ['-r', '/tmp/other']))
  const { status, stderr } = spawnSync(`${root}quickstart`, {
    encoding: 'utf8',
    env: { ...process.env, LXD_DIR: '/tmp/other' },
  })
  assert.equal(status, 1)
  assert.match(stderr, /\/tmp\/other has the data of another LXD/)
  assert.equal(existsSync('/tmp/other/unix.socket'), false)
})
