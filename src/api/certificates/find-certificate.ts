import { badRequest, notFound } from '#base/failure.ts'
import type { CertificateRecord } from '#store/certificate-record.ts'
import type { Stored } from '#store/records.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

type Asking = Pick<Request, 'may' | 'identity'>

/** Whether a certificate is the one that the client proved itself with. */
export function isOwn({ identity }: Asking, { fingerprint }: CertificateRecord): boolean {
  return identity.method === 'tls' && identity.id === fingerprint
}

/** The certificates that a client may know of: all, where it may view the server; else its own. */
export function visibleCertificates(services: Services, request: Asking): Stored<CertificateRecord>[] {
  const all = request.may('view-server')
  return services.trust.list().filter(({ value }) => all || isOwn(request, value))
}

/** The certificate that a fingerprint, or the beginning of just one, names among those that the client may know of. */
export function findCertificate(
  services: Services,
  request: Asking & { readonly params: { readonly fingerprint: string } },
): Stored<CertificateRecord> {
  const wanted = request.params.fingerprint.toLowerCase()
  // Digits only: what a client sends is not a pattern.
  if (!/^[0-9a-f]{1,64}$/.test(wanted)) throw notFound('Certificate not found')
  const found = visibleCertificates(services, request).filter(({ value }) => value.fingerprint.startsWith(wanted))
  const [first] = found
  if (!first) throw notFound('Certificate not found')
  if (found.length > 1) throw badRequest('More than one certificate matches')
  return first
}
