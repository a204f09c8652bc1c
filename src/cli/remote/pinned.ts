import type { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { isSafeRemoteName } from '../remote-url.ts'
import { replaceFile } from '../write-client-config.ts'

/** Keeps a server's certificate for a remote. Unless kept by the end of the scope, things are as they were before. */
export function pinServerCertificate(
  directory: string,
  remote: string,
  certificate: X509Certificate,
): AsyncDisposable & { keep(): void } {
  const file = fileOf(directory, remote)
  const before = readIfThere(file)
  mkdirSync(join(directory, 'servercerts'), { recursive: true, mode: 0o700 })
  replaceFile(file, certificate.toString())

  let kept = false
  return {
    keep: () => void (kept = true),
    [Symbol.asyncDispose]: async () => {
      if (kept) return
      if (before === undefined) rmSync(file, { force: true })
      else replaceFile(file, before)
    },
  }
}

/** Forgets the certificate of a remote that is no more. */
export function forgetServerCertificate(directory: string, remote: string): void {
  if (isSafeRemoteName(remote)) rmSync(fileOf(directory, remote), { force: true })
}

/** Has the certificate of a remote follow it to its new name. */
export function renameServerCertificate(directory: string, from: string, to: string): void {
  if (!isSafeRemoteName(from)) return
  try {
    renameSync(fileOf(directory, from), fileOf(directory, to))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // One that another remote of that name has left must not count for this one.
    rmSync(fileOf(directory, to), { force: true })
  }
}

function fileOf(directory: string, remote: string): string {
  return join(directory, 'servercerts', `${remote}.crt`)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
