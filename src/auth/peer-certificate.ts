import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { toClientCertificate } from './client-certificate.ts'
import type { ClientCertificate } from './client-certificate.ts'

const known = new WeakMap<Socket, { readonly certificate: ClientCertificate | undefined }>()

/**
 * The certificate that the client of a TLS connection showed and has the key of: TLS checked that, and nothing else.
 * Further certificates that it sent along prove nothing and are left alone.
 */
export function peerCertificate(socket: Socket): ClientCertificate | undefined {
  const before = known.get(socket)
  if (before) return before.certificate
  const { getPeerX509Certificate: get } = socket as { getPeerX509Certificate?: () => X509Certificate | undefined }
  const x509 = get?.call(socket)
  const certificate = x509 && toClientCertificate(x509)
  known.set(socket, { certificate })
  return certificate
}
