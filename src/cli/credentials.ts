// What the client's directory holds to prove who is who: its own certificate
// and key, and the certificates of its servers.
import { fs } from '#client/builtins.ts'

import { isSafeRemoteName } from './remote-url.ts'

/** The client's certificate and key, as PEM; undefined unless there are both. */
export function readClientKeys(directory: string): { readonly cert: string; readonly key: string } | undefined {
  const cert = readFileIn(directory, 'client.crt')
  const key = readFileIn(directory, 'client.key')
  return cert === undefined || key === undefined ? undefined : { cert, key }
}

/** The certificate that was accepted for a remote, as PEM. */
export function readServerCertificate(directory: string, remote: string): string | undefined {
  return isSafeRemoteName(remote) ? readFileIn(directory, `servercerts/${remote}.crt`) : undefined
}

/** A file of the client's directory; undefined when there is none. */
export function readFileIn(directory: string, name: string): string | undefined {
  try {
    return fs.readFileSync(`${directory}/${name}`, 'utf8')
  } catch (error) {
    // A pin that cannot be read must not count as no pin.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}
