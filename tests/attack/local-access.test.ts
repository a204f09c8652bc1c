import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { RealDaemon, runProgram } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const socket = '/var/lib/lxd/unix.socket'
const daemon = new RealDaemon({ group: 'lxd' })
const gid = Number(execFileSync('getent', ['group', 'lxd'], { encoding: 'utf8' }).split(':')[2])

/** Asks the API for the list of instances as some user of the host. */
function askAs(user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }) {
  const groups = user.groups.length > 0 ? [`--groups=${user.groups.join(',')}`] : ['--clear-groups']
  const who = [`--reuid=${user.uid}`, `--regid=${user.gid}`, ...groups, '--inh-caps=-all']
  const curl = ['curl', '--silent', '--show-error', '--unix-socket', socket, 'http://lxd/1.0/instances']
  return runProgram('setpriv', [...who, ...curl])
}

before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

test('the socket belongs to root and group lxd, and others have no part in it', () => {
  const { uid, gid: group, mode } = statSync(socket)
  assert.deepEqual([uid, group, (mode & 0o777).toString(8)], [0, gid, '660'])
})

test('a local user without the group gets no connection; with it the same user has the API', () => {
  const stranger = askAs({ uid: 65_534, gid: 65_534, groups: [] })
  assert.notEqual(stranger.code, 0)
  assert.equal(stranger.stdout, '')

  // The control: nothing but the group makes the difference.
  const member = askAs({ uid: 65_534, gid: 65_534, groups: [gid] })
  assert.match(member.stdout, /"type":"sync"/)
})

test('a local user without the group can not look into what the daemon keeps', () => {
  for (const folder of ['database', 'images', 'logs']) {
    const listed = runProgram('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      'ls',
      `/var/lib/lxd/${folder}`,
    ])
    assert.notEqual(listed.code, 0, folder)
  }
  const member = runProgram('setpriv', [
    '--reuid=65534',
    '--regid=65534',
    `--groups=${gid}`,
    'ls',
    '/var/lib/lxd/database',
  ])
  assert.notEqual(member.code, 0)
  assert.equal(runProgram('ls', ['/var/lib/lxd/database']).code, 0)
})
