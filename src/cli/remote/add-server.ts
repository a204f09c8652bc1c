import { badRequest, kindOf } from '#base/failure.ts'
import { addCertificate } from '#client/certificates.ts'
import type { Connection } from '#client/connection.ts'
import { getServer, type Server } from '#client/server.ts'
import { fingerprintOf, UntrustedServer } from '#client/tls.ts'

import { readSecret } from '../ask.ts'
import type { RemoteConfig } from '../client-config.ts'
import { ensureClientKeys } from '../client-keys.ts'
import { saveRemote } from '../write-client-config.ts'
import { chooseProject } from './choose-project.ts'
import { pinServerCertificate } from './pinned.ts'
import type { RemoteAdd } from './remote-add.ts'

/** Adds a server on a socket of this machine: who may ask it is a matter of its file. */
export async function addUnix(call: RemoteAdd, name: string, remote: RemoteConfig): Promise<void> {
  const connection = call.remotes.connectTo(call.remotes.endpoint(name, remote))
  const { server } = await getServer(connection)
  checkMethod(call, server)
  await finish(call, name, { remote: { ...remote, auth_type: 'tls' }, connection })
}

/** Adds a server by its address: its certificate is shown to the user unless an authority vouches for it. */
export async function addHttps(call: RemoteAdd, name: string, remote: RemoteConfig): Promise<void> {
  const { flags, remotes, at } = call
  if (flags.public) {
    await using pin = await trustServer(call, name, { ...remote, public: true })
    await saveRemote(remotes, name, { addr: remote.addr, public: true })
    pin.keep()
    return
  }

  const withOidc = flags['auth-type'] === 'oidc'
  const known = { ...remote, auth_type: withOidc ? 'oidc' : 'tls' }
  if (!withOidc) await ensureClientKeys(remotes.directory, at)
  await using pin = await trustServer(call, name, known)
  const endpoint = remotes.endpoint(name, known)
  const anonymous = remotes.connectTo(endpoint)
  const { server } = await getServer(anonymous)
  checkMethod(call, server)

  const connection = withOidc ? remotes.connectTo(endpoint, { session: remotes.session(name) }) : anonymous
  if (withOidc) await checkTrusted(connection)
  else if (server.auth !== 'trusted') {
    await becomeTrusted(call, name, connection)
    await checkTrusted(connection)
    at.print(`Client certificate now trusted by server: ${name}\n`)
  }
  await finish(call, name, { remote: known, connection })
  pin.keep()
}

async function checkTrusted(connection: Connection): Promise<void> {
  const { server } = await getServer(connection)
  if (server.auth !== 'trusted') throw badRequest("Server doesn't trust us after authentication")
}

/** What a server's certificate has to do with ours until the remote is saved: disposed before, it is forgotten. */
interface Pin extends AsyncDisposable {
  keep(): void
}

/** Sees to it that the server's certificate counts: by an authority, or because the user says so. */
async function trustServer(call: RemoteAdd, name: string, remote: RemoteConfig): Promise<Pin> {
  const { flags, remotes } = call
  const connection = remotes.connectTo(remotes.endpoint(name, remote))
  try {
    // Not a word of the request leaves before the certificate was checked.
    await getServer(connection)
    return { keep: () => {}, [Symbol.asyncDispose]: async () => {} }
  } catch (error) {
    if (!(error instanceof UntrustedServer)) throw error
    if (!flags['accept-certificate']) askAboutCertificate(call, fingerprintOf(error.certificate))
    return pinServerCertificate(remotes.directory, name, error.certificate)
  }
}

/** @throws {Failure} unless the user types `y`, or the fingerprint as known from elsewhere */
function askAboutCertificate({ at }: RemoteAdd, fingerprint: string): void {
  at.print(`Certificate fingerprint: ${fingerprint}\nok (y/n/[fingerprint])? `)
  const answer = at.readLine()
  if (answer === undefined) throw badRequest('EOF')
  if (answer === fingerprint) return

  const first = answer[0]?.toLowerCase() ?? 'n'
  if (first === 'n') throw badRequest('Server certificate NACKed by user')
  if (first !== 'y') throw badRequest("Please type 'y', 'n' or the fingerprint:")
}

function checkMethod({ flags }: RemoteAdd, { auth_methods }: Server): void {
  const wanted = flags['auth-type'] || 'tls'
  const offered = (auth_methods?.length ?? 0) === 0 ? ['tls'] : auth_methods!
  if (!offered.includes(wanted)) throw badRequest(`Authentication type '${wanted}' not supported by server`)
}

async function becomeTrusted({ flags, at }: RemoteAdd, name: string, connection: Connection): Promise<void> {
  const password = flags.password || readSecret(at, `Admin password (or token) for ${name}: `)
  try {
    await addCertificate(connection, { type: 'client', password })
  } catch (error) {
    // Whoever is trusted already has what they came for.
    if (kindOf(error) !== 'conflict') throw error
  }
}

async function finish(
  call: RemoteAdd,
  name: string,
  { remote, connection }: { readonly remote: RemoteConfig; readonly connection: Connection },
): Promise<void> {
  const project = await chooseProject(call, connection)
  await saveRemote(call.remotes, name, {
    ...remote,
    protocol: 'lxd',
    ...(project === undefined ? {} : { project }),
  })
}
