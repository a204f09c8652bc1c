import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { makeCertificate } from '#base/certificate.ts'
import { badRequest } from '#base/failure.ts'

import { readClientKeys, readFileIn } from './credentials.ts'
import type { Surroundings } from './surroundings.ts'

/** Years the client's certificate is valid for, as LXD's own. */
const YEARS = 10

/** How often, 20 ms apart, a key without its certificate is looked at before it counts as left behind. */
const TRIES = 100

/** Makes the client's key and certificate unless it has them. Says so, as making them may take a moment. */
export async function ensureClientKeys(directory: string, at: Surroundings): Promise<void> {
  if (readClientKeys(directory) !== undefined) return
  at.warn('Generating a client certificate. This may take a minute...\n')
  await makeClientKeys(directory)
}

/**
 * Makes the client's key and certificate, once: of several processes that try
 * at the same time one succeeds, and all find its pair.
 *
 * The key comes first, by a link that only one can make, so that there is
 * never a certificate without its own key; a process that dies in between
 * leaves a key, which the next one replaces.
 */
export async function makeClientKeys(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const suffix = randomBytes(6).toString('hex')
  const [certFile, keyFile] = [join(directory, 'client.crt'), join(directory, 'client.key')]
  const [newCert, newKey] = [`${certFile}.${suffix}`, `${keyFile}.${suffix}`]

  const pair = makeCertificate({
    organization: 'lxd',
    commonName: `${userName()}@${hostname()}`,
    hosts: [],
    usage: 'client',
    validFrom: new Date(),
    years: YEARS,
  })
  try {
    writeFileSync(newKey, pair.key, { mode: 0o600, flag: 'wx' })
    writeFileSync(newCert, pair.certificate, { mode: 0o600, flag: 'wx' })
    for (;;) {
      if (linkNew(newKey, keyFile)) {
        renameSync(newCert, certFile)
        return
      }
      if (await anotherMadeThem(directory)) return
      removeLeftBehind(keyFile)
    }
  } finally {
    rmSync(newKey, { force: true })
    rmSync(newCert, { force: true })
  }
}

function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Whether the key that is there gets its certificate. Throws where there is one that is not the key's. */
async function anotherMadeThem(directory: string): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    const keys = readClientKeys(directory)
    if (keys !== undefined && belongTogether(keys)) return true
    await delay(20)
  }
  if (readFileIn(directory, 'client.crt') === undefined) return false
  throw badRequest(`The certificate and the key in "${directory}" do not belong together: remove client.crt or both`)
}

/** Removes a key unless it is as new as one that yet another process may have made in the meantime. */
function removeLeftBehind(keyFile: string): void {
  const made = statSync(keyFile, { throwIfNoEntry: false })?.mtimeMs
  if (made !== undefined && Date.now() - made > 1000) rmSync(keyFile, { force: true })
}

function belongTogether({ cert, key }: { readonly cert: string; readonly key: string }): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // The user may be one that the machine has no name for.
    return String(process.getuid?.() ?? 'user')
  }
}
