import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from '#base/certificate.ts'
import type { CertificatePair } from '#base/certificate.ts'

/** The certificate the server shows to clients with its key, both as PEM, and the SHA-256 of it by which they know it, in hex. */
export interface ServerCertificate {
  readonly certificate: string
  readonly key: string
  readonly fingerprint: string
}

/**
 * The server's certificate, `server.crt` and `server.key` in LXD_DIR. Administrators may put others in their place: see
 * {@link ServerIdentity.reload}.
 */
export class ServerIdentity {
  readonly #files: CertificatePair
  #current: ServerCertificate

  private constructor(files: CertificatePair, current: ServerCertificate) {
    this.#files = files
    this.#current = current
  }

  /**
   * Reads the files, after making them where there is none. What can't be used is an Error and is never replaced:
   * clients know the server by it.
   */
  static async load(directory: string): Promise<ServerIdentity> {
    const files = { certificate: join(directory, 'server.crt'), key: join(directory, 'server.key') }
    const [certificate, key] = await Promise.all([readIfThere(files.certificate), readIfThere(files.key)])
    // The certificate is written last: one without a key was not left by a crash.
    if (certificate === undefined) await makeFiles(files)
    else if (key === undefined) throw new Error(`The key "${files.key}" of the server certificate is missing`)
    return new ServerIdentity(files, await readPair(files))
  }

  get current(): ServerCertificate {
    return this.#current
  }

  /**
   * Reads the files again; whether they hold something new. Where they can't be used, or `check` throws, what there was
   * stays.
   */
  async reload(check: (found: ServerCertificate) => void = () => {}): Promise<boolean> {
    const found = await readPair(this.#files)
    const { certificate, key } = this.#current
    if (found.certificate === certificate && found.key === key) return false
    check(found)
    this.#current = found
    return true
  }
}

async function readPair(files: CertificatePair): Promise<ServerCertificate> {
  const [certificate, key] = await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')])
  const fingerprint = checkPair({ certificate, key }, files)
  await chmod(files.key, 0o600)
  return { certificate, key, fingerprint }
}

/** The fingerprint of a certificate that can be read and that the key belongs to. */
function checkPair(pair: CertificatePair, files: CertificatePair): string {
  let certificate
  try {
    certificate = new X509Certificate(pair.certificate)
  } catch (cause) {
    throw new Error(`Cannot read the server certificate "${files.certificate}"`, { cause })
  }
  let key
  try {
    key = createPrivateKey(pair.key)
  } catch (cause) {
    throw new Error(`Cannot read the key of the server certificate "${files.key}"`, { cause })
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`The key "${files.key}" is not that of the server certificate "${files.certificate}"`)
  }
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

async function makeFiles(files: { readonly certificate: string; readonly key: string }): Promise<void> {
  const host = hostname()
  const made = makeCertificate({
    organization: 'lxd',
    commonName: `root@${host}`,
    hosts: [host, '127.0.0.1', '::1'],
    usage: 'server',
    validFrom: new Date(),
    years: 10,
  })
  // A crash in between must not leave an old certificate beside a new key.
  await rm(files.certificate, { force: true })
  await writeWhole(files.key, made.key, 0o600)
  await writeWhole(files.certificate, made.certificate, 0o644)
}

/** Under its name the file is whole or not there, whatever happens meanwhile. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const file = await open(`${path}.new`, 'w', mode)
  try {
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
