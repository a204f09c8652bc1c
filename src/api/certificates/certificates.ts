import { readCertificate } from '#auth/client-certificate.ts'
import type { ClientCertificate } from '#auth/client-certificate.ts'
import { peerCertificate } from '#auth/peer-certificate.ts'
import { badRequest, forbidden } from '#base/failure.ts'
import { Certificate, CertificatesPost } from '#schema/certificate.ts'
import { listOf } from '#schema/common.ts'
import { entityUrl, listReply } from '../list.ts'
import { created, operation } from '../reply.ts'
import type { Reply } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { certificateJson } from './certificate.ts'
import { visibleCertificates } from './find-certificate.ts'

type Post = Request<'/1.0/certificates', CertificatesPost>

/** Adds a certificate, or makes a token with which a client can add its own. */
async function addAsAdministrator(services: Services, { body, requestor, identity }: Post): Promise<Reply> {
  const { certificate, token, type, ...input } = body
  if (token) {
    if (type !== 'client') throw badRequest('Tokens can only be issued for client certificates')
    services.trust.check({ ...input, type })
    return operation(services.tokens.create({ ...named(input) }, requestor))
  }
  if (certificate === '') {
    throw badRequest(
      identity.method === 'tls' ? 'Client is already trusted' : 'Invalid "certificate": expected the one to trust',
    )
  }
  const read = readCertificate('certificate', certificate)
  const fingerprint = await services.trust.add(read, { ...named(input), type: type || 'client' }, requestor)
  return created(entityUrl(['certificates', fingerprint]))
}

/** Adds the certificate of the connection for who has a token or the trust password: as a client, and nothing else. */
async function addAsStranger(services: Services, request: Post): Promise<Reply> {
  const { body, identity, requestor, stream } = request
  if (identity.trusted && (identity.method === 'tls' || body.password === '')) {
    if (body.certificate !== '' || body.token || identity.method !== 'tls') throw forbidden('not authorized')
    throw badRequest('Client is already trusted')
  }
  if (body.password === '' || body.token) throw forbidden('not authorized')
  if (body.type !== 'client' && body.type !== '') throw badRequest('Invalid "type": expected client')
  const certificate = peerCertificate(stream.socket)
  if (!certificate) throw badRequest('No client certificate provided')
  checkSame(body.certificate, certificate)
  const fingerprint = await services.admission.admit({
    certificate,
    proof: body.password,
    wanted: { ...named(body), type: 'client' },
    address: identity.peer.address,
    requestor,
  })
  return created(entityUrl(['certificates', fingerprint]))
}

/** Of another certificate than that of the connection, a stranger doesn't prove to have the key. */
function checkSame(given: string, own: ClientCertificate): void {
  if (given === '') return
  if (readCertificate('certificate', given).fingerprint !== own.fingerprint) {
    throw badRequest('Invalid "certificate": expected that of the connection')
  }
}

function named({ name, restricted, projects }: Pick<CertificatesPost, 'name' | 'restricted' | 'projects'>) {
  return { name, restricted, projects }
}

export const certificates = route('/1.0/certificates', {
  get: {
    doc: 'List the trusted certificates. Who may not view the server sees its own.',
    access: 'authenticated',
    reply: listOf(Certificate),
    handle: (services, request) =>
      listReply(request, visibleCertificates(services, request), {
        url: ({ value }) => entityUrl(['certificates', value.fingerprint]),
        object: ({ value }) => certificateJson(value),
      }),
  },
  post: {
    doc: 'Trust a certificate. An administrator adds any, or asks for a token; others add that of their connection with a token or the trust password.',
    access: 'untrusted',
    body: CertificatesPost,
    handle: (services, request) =>
      request.may('admin') ? addAsAdministrator(services, request) : addAsStranger(services, request),
  },
})
