import { badRequest, kindOf } from '#base/failure.ts'
import { addCertificate, type TrustToken } from '#client/certificates.ts'
import { fetchServerCertificate, fingerprintOf } from '#client/tls.ts'

import type { RemoteConfig } from '../client-config.ts'
import { ensureClientKeys } from '../client-keys.ts'
import { normaliseServerUrl } from '../remote-url.ts'
import { saveRemote } from '../write-client-config.ts'
import { chooseProject } from './choose-project.ts'
import { pinServerCertificate } from './pinned.ts'
import type { RemoteAdd } from './remote-add.ts'

/** A token as it was handed over, and what it says. */
interface Given {
  readonly text: string
  readonly token: TrustToken
}

/**
 * Adds the server that made a token, at the first of the token's addresses
 * where someone answers. The token says what certificate the server has, so
 * nobody is asked about it, and the secret goes to no other server.
 */
export async function addByToken(call: RemoteAdd, name: string, given: Given): Promise<void> {
  const { remotes, at } = call
  await ensureClientKeys(remotes.directory, at)

  for (const address of given.token.addresses) {
    if (await joined(call, name, { ...given, address })) return
  }

  at.print('All server addresses are unavailable\n')
  at.print('Please provide an alternate server address (empty to abort): ')
  const address = at.readLine()
  if (address === undefined) throw badRequest('EOF')
  if (address.trim() === '') throw badRequest('Failed to add remote')
  if (!(await joined(call, name, { ...given, address: address.trim() }))) {
    throw badRequest(`Unavailable remote server: nobody answers at "${address.trim()}"`)
  }
}

/** False when nobody answers at the address. */
async function joined(
  call: RemoteAdd,
  name: string,
  { text, token, address }: Given & { readonly address: string },
): Promise<boolean> {
  const { remotes } = call
  const addr = normaliseServerUrl(address)
  if (!addr.startsWith('https://')) throw badRequest(`The address "${address}" of the token is no network address`)
  const remote: RemoteConfig = { addr, auth_type: 'tls', protocol: 'lxd', public: false }
  const unpinned = remotes.endpoint(name, remote)
  if (unpinned.kind !== 'https') throw badRequest('A token is for servers on the network')

  let certificate
  try {
    certificate = await fetchServerCertificate(unpinned)
  } catch (error) {
    if (kindOf(error) === 'unavailable') return false
    throw error
  }
  if (fingerprintOf(certificate) !== token.fingerprint.toLowerCase()) {
    throw badRequest(`Certificate fingerprint mismatch between certificate token and server "${addr}"`)
  }

  await using pin = pinServerCertificate(remotes.directory, name, certificate)
  const connection = remotes.connectTo({ ...unpinned, serverCert: certificate.toString() })
  try {
    await addCertificate(connection, { type: 'client', password: text })
  } catch (cause) {
    throw badRequest('Failed to create certificate', { cause })
  }
  const project = await chooseProject(call, connection)
  await saveRemote(remotes, name, { ...remote, ...(project === undefined ? {} : { project }) })
  pin.keep()
  return true
}
