import { readFile } from 'node:fs/promises'

/** Reads which ids of the host its users may map in user namespaces: /etc/subuid and /etc/subgid (subuid(5)), undefined where there is none. */
export type SubordinateIds = () => Promise<{ readonly uid: string | undefined; readonly gid: string | undefined }>

/** The files as they are now: an administrator may change them while the daemon runs. */
export const hostSubordinateIds: SubordinateIds = async () => {
  const [uid, gid] = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map((file) => readFile(file, 'utf8').catch(() => undefined)),
  )
  return { uid, gid }
}
