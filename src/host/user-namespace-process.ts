import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { IdMap } from '#base/idmap.ts'

/** Makes a user namespace with the map and gives a descriptor of it, which keeps it alive. The process that made it is gone by then. */
export async function makeUserNamespace(map: IdMap): Promise<number> {
  const child = spawn('unshare', ['--user', 'cat'], { cwd: '/', env: { PATH: '/usr/bin:/bin' }, stdio: 'pipe' })
  try {
    const said: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
    const echo = once(child.stdout, 'data')
    const end = once(child, 'close').then(() => {
      throw new Error(`unshare ended: ${Buffer.concat(said).toString().trim()}`)
    })
    child.stdin.on('error', () => {})
    child.stdin.write('.')
    // What comes back was sent from inside the new namespace.
    await Promise.race([echo, end])
    await writeMap(`/proc/${child.pid}/uid_map`, map, 'uid')
    await writeMap(`/proc/${child.pid}/gid_map`, map, 'gid')
    return openSync(`/proc/${child.pid}/ns/user`, 'r')
  } catch (cause) {
    throw new Error('Cannot make a user namespace', { cause })
  } finally {
    child.kill('SIGKILL')
  }
}

async function writeMap(file: string, map: IdMap, kind: 'uid' | 'gid'): Promise<void> {
  const lines = map
    .filter((range) => range.kind === kind || range.kind === 'both')
    .map(({ inside, host, count }) => `${inside} ${host} ${count}\n`)
  await writeFile(file, lines.join(''))
}
