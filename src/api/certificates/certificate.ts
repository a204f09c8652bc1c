import { readCertificate } from '#auth/client-certificate.ts'
import type { TrustInput } from '#auth/trust-store.ts'
import { forbidden } from '#base/failure.ts'
import { Certificate, CertificatePatch, CertificatePut } from '#schema/certificate.ts'
import type { CertificateRecord } from '#store/certificate-record.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { findCertificate, isOwn } from './find-certificate.ts'

type Change = Request<'/1.0/certificates/{fingerprint}', CertificatePatch>

/** A certificate as the API shows it. */
export function certificateJson({
  name,
  type,
  restricted,
  projects,
  certificate,
  fingerprint,
}: CertificateRecord): Certificate {
  return { name, type, restricted, projects: [...projects], certificate, fingerprint }
}

/** The clients themselves may exchange their certificate for a new one, and change nothing else of it. */
function checkMayChange(request: Change, before: CertificateRecord, after: TrustInput): void {
  if (request.may('admin')) return
  if (after.type !== before.type) throw forbidden('The certificate type cannot be changed')
  const same =
    after.name === before.name &&
    after.restricted === before.restricted &&
    JSON.stringify(after.projects) === JSON.stringify(before.projects)
  if (!same) throw forbidden('Only the certificate can be changed')
}

async function change(services: Services, request: Change): Promise<void> {
  const { body, requestor, checkEtag } = request
  const before = findCertificate(services, request)
  if (!request.may('admin') && !isOwn(request, before.value)) throw forbidden('not authorized')
  checkEtag(certificateJson(before.value))
  const { name, type, restricted, projects } = { ...before.value, ...body }
  const after = { name, type, restricted, projects }
  checkMayChange(request, before.value, after)
  const certificate = body.certificate ? readCertificate('certificate', body.certificate) : undefined
  await services.trust.update(before, after, { certificate, requestor })
}

export const certificate = route('/1.0/certificates/{fingerprint}', {
  get: {
    doc: 'Get a trusted certificate, by its fingerprint or the beginning of it.',
    access: 'authenticated',
    reply: Certificate,
    handle(services, request) {
      const shown = certificateJson(findCertificate(services, request).value)
      return sync(shown, shown)
    },
  },
  put: {
    doc: 'Replace what is said of a certificate, or the certificate itself. A client may renew its own.',
    access: 'authenticated',
    body: CertificatePut,
    async handle(services, request) {
      await change(services, request)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of what is said of a certificate, or the certificate itself. A client may renew its own.',
    access: 'authenticated',
    body: CertificatePatch,
    async handle(services, request) {
      await change(services, request)
      return done()
    },
  },
  delete: {
    doc: 'Trust a certificate no longer.',
    access: 'admin',
    async handle(services, request) {
      await services.trust.delete(findCertificate(services, request), request.requestor)
      return done()
    },
  },
})
