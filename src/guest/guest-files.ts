import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { startConfined } from '#host/confined-process.ts'
import type { ConfinedProcess } from '#host/confined-process.ts'
import { openFlags } from '#host/syscalls.ts'

/** Starts guest helpers for files. */
export interface GuestFiles {
  /** For the container of process `pid`, as its root. */
  inside(pid: number): ConfinedProcess
  /** For the tree in a directory of the host, as root. Nobody else may be able to change it meanwhile. */
  at(directory: string): ConfinedProcess
}

/** The folder of all layers. */
const sources = new URL('../', import.meta.url)

const openDirectory = constants.O_DIRECTORY | constants.O_NOFOLLOW | openFlags.path

/**
 * The real {@link GuestFiles}. A helper serves the SSH File Transfer Protocol on its streams; it runs in the container's
 * user namespace, where it can do no more than root in there, and can be killed where a guest holds it up.
 */
export function realGuestFiles(): GuestFiles {
  const script = wholeScript('guest/files-main.ts')
  return {
    inside(pid) {
      // The link is the kernel's: nothing in the container has a say in where it leads.
      const root = openSync(`/proc/${pid}/root`, constants.O_DIRECTORY | openFlags.path)
      const userNamespace = openNamespace(pid)
      try {
        return startConfined(script, { root, userNamespace })
      } finally {
        closeSync(root)
        if (userNamespace !== undefined) closeSync(userNamespace)
      }
    },
    at(directory) {
      const root = openSync(directory, openDirectory)
      try {
        return startConfined(script, { root, userNamespace: undefined })
      } finally {
        closeSync(root)
      }
    },
  }
}

/** The user namespace of a process; none where it is that of this one. */
function openNamespace(pid: number): number | undefined {
  if (readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')) return undefined
  return openSync(`/proc/${pid}/ns/user`, constants.O_RDONLY)
}

/** The text of a program together with that of the modules it imports: none of them can be opened there. */
function wholeScript(path: string): string {
  const text = stripTypeScriptTypes(readFileSync(new URL(path, sources), 'utf8'))
  return text.replaceAll(/from '(?:#|\.\/)([\w/-]+\.ts)'/g, (_all, imported: string) => {
    const script = wholeScript(imported.includes('/') ? imported : `guest/${imported}`)
    return `from 'data:text/javascript;base64,${Buffer.from(script).toString('base64')}'`
  })
}
