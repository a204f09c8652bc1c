import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import type { IdMap } from '#base/idmap.ts'

/** Makes a user namespace with the map and gives a descriptor of it, which keeps it alive. The process that made it is gone by then. */
export async function makeUserNamespace(map: IdMap): Promise<number> {
  const child = spawn('unshare', ['--user', 'cat'], { cwd: '/', env, stdio: 'pipe' })
  try {
    await isInside(child)
    await writeMap(`/proc/${child.pid}/uid_map`, map, 'uid')
    await writeMap(`/proc/${child.pid}/gid_map`, map, 'gid')
    return openSync(`/proc/${child.pid}/ns/user`, 'r')
  } catch (cause) {
    throw new Error('Cannot make a user namespace', { cause })
  } finally {
    child.kill('SIGKILL')
  }
}

/**
 * Makes a copy of this process's mount namespace that belongs to the user namespace of process `pid`, and gives a
 * descriptor of it. The kernel locks what mounts are kept from there, such as writing: whoever is root in that user
 * namespace can take it off neither them nor their clones (mount_namespaces(7), "Restrictions on mount namespaces").
 */
export async function makeLockedMountNamespace(pid: number): Promise<number> {
  await using user = await open(`/proc/${pid}/ns/user`)
  const enter = ['--user=/proc/self/fd/3', '-S', '0', '-G', '0']
  const child = spawn('nsenter', [...enter, 'unshare', '--mount', '--propagation', 'unchanged', 'cat'], {
    cwd: '/',
    env,
    stdio: ['pipe', 'pipe', 'pipe', user.fd],
  }) as ChildProcessWithoutNullStreams
  try {
    await isInside(child)
    return openSync(`/proc/${child.pid}/ns/mnt`, 'r')
  } catch (cause) {
    throw new Error('Cannot make a mount namespace', { cause })
  } finally {
    child.kill('SIGKILL')
  }
}

const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' }

/** Waits until the child has become `cat`. */
async function isInside(child: ChildProcessWithoutNullStreams): Promise<void> {
  const said: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  const echo = once(child.stdout, 'data')
  const end = once(child, 'close').then(() => {
    throw new Error(`it ended: ${Buffer.concat(said).toString().trim()}`)
  })
  child.stdin.on('error', () => {})
  child.stdin.write('.')
  // What comes back was sent from inside the new namespace.
  await Promise.race([echo, end])
}

async function writeMap(file: string, map: IdMap, kind: 'uid' | 'gid'): Promise<void> {
  const lines = map
    .filter((range) => range.kind === kind || range.kind === 'both')
    .map(({ inside, host, count }) => `${inside} ${host} ${count}\n`)
  await writeFile(file, lines.join(''))
}
