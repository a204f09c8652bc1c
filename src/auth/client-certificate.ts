import { X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { badRequest } from '#base/failure.ts'
import type { Failure } from '#base/failure.ts'

declare const fingerprint: unique symbol

/** The SHA-256 of a certificate: 64 hex digits in lower case. */
export type Fingerprint = string & { readonly [fingerprint]: true }

/** A certificate and what it is known by. */
export interface ClientCertificate {
  readonly fingerprint: Fingerprint
  readonly x509: X509Certificate
  /** The first and the last moment it counts at, in milliseconds since 1970. */
  readonly validFrom: number
  readonly validTo: number
}

/** The most characters a certificate may come in: those with the largest keys take about 12,000. */
const maxLength = 65_536

/** Curves that TLS 1.3 can sign with (RFC 8446 section 4.2.3). */
const curves = ['prime256v1', 'secp384r1', 'secp521r1']

/**
 * Reads the one certificate in `text`: PEM, or the base64 of its DER. Throws a bad-request Failure that names `field` where there is
 * none, more than one, or one that nobody should rely on.
 */
export function readCertificate(field: string, text: string): ClientCertificate {
  const der = readDer(field, text)
  let x509
  try {
    x509 = new X509Certificate(der)
  } catch {
    // What OpenSSL says of broken input is of no use to its sender.
    throw invalid(field, 'expected an X.509 certificate')
  }
  if (!x509.raw.equals(der)) throw invalid(field, 'more follows after the certificate')
  const certificate = toClientCertificate(x509)
  checkKey(field, certificate)
  return certificate
}

/** Gives a parsed certificate the form we handle certificates in. */
export function toClientCertificate(x509: X509Certificate): ClientCertificate {
  return {
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase() as Fingerprint,
    x509,
    // Each look at these parses them anew. A date that is none makes neither comparison true.
    validFrom: x509.validFromDate.getTime(),
    validTo: x509.validToDate.getTime(),
  }
}

/** The name in a certificate, for people; empty where it has none that can be read. */
export function commonNameOf({ x509 }: ClientCertificate): string {
  try {
    return [x509.toLegacyObject().subject?.CN].flat()[0] ?? ''
  } catch {
    return ''
  }
}

/** Throws a bad-request Failure where a certificate is not valid at a time, in milliseconds since 1970. */
export function checkValidity(field: string, { validFrom, validTo }: ClientCertificate, now: number): void {
  if (!(now >= validFrom)) throw invalid(field, "the provided certificate isn't valid yet")
  if (!(now <= validTo)) throw invalid(field, 'the provided certificate is expired')
}

function readDer(field: string, text: string): Buffer {
  if (text.length > maxLength) throw invalid(field, `longer than ${maxLength} characters`)
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)]
  if (!text.includes('-----BEGIN')) return fromBase64(field, text)
  const [block] = blocks
  const begins = text.split('-----BEGIN').length - 1
  if (begins !== 1) throw invalid(field, `expected one certificate, found ${begins} PEM blocks`)
  if (!block) throw invalid(field, 'broken PEM')
  if (block[1] !== 'CERTIFICATE') throw invalid(field, `expected a certificate, found the PEM of a ${block[1]}`)
  return fromBase64(field, block[2] ?? '')
}

function fromBase64(field: string, text: string): Buffer {
  const packed = text.replaceAll(/\s/g, '')
  if (packed === '' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) {
    throw invalid(field, 'expected a certificate as PEM or in base64')
  }
  return Buffer.from(packed, 'base64')
}

/** Throws a bad-request Failure where the key of a certificate is weak, or of a kind that TLS doesn't know. */
export function checkKey(field: string, { x509 }: ClientCertificate): void {
  let key: KeyObject
  try {
    key = x509.publicKey
  } catch {
    throw invalid(field, 'its key can not be read')
  }
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = key
  if (type === 'rsa' || type === 'rsa-pss') {
    const { modulusLength = 0 } = details
    if (modulusLength < 2048) throw invalid(field, 'RSA key is too weak (minimum of 2048bit)')
    if (modulusLength > 16_384) throw invalid(field, 'RSA key is too large (maximum of 16384bit)')
  } else if (type === 'ec') {
    const { namedCurve = 'unknown' } = details
    if (curves.includes(namedCurve)) return
    throw invalid(field, `expected a key on P-256, P-384 or P-521, found the curve ${namedCurve}`)
  } else if (type !== 'ed25519' && type !== 'ed448') {
    throw invalid(field, `keys of type ${type} are not supported`)
  }
}

function invalid(field: string, why: string): Failure {
  return badRequest(`Invalid "${field}": ${why}`)
}
