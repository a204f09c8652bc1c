/** What certificates and revocation lists have in common: a body, and a signature of it by an authority (RFC 5280). */
import { verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readElements, readInside, readInteger, tags } from '#base/der.ts'
import type { Element } from '#base/der.ts'

/** The algorithms that count, by their object identifiers in hex, with the hash each takes. SHA-1 is none of them. */
const algorithms: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
  '2b6571': null,
}

/** Extensions of a client's certificate that may be critical: they are looked at, or limit nothing that matters here. */
const knownExtensions: readonly string[] = ['551d0f', '551d11', '551d13', '551d25', '551d20', '551d0e', '551d23']

/** A revocation list: whose it is, and the serial numbers of what is revoked. */
export interface RevocationList {
  readonly der: Buffer
  /** The name of the authority, in DER. */
  readonly issuer: Buffer
  readonly nextUpdate: Date | undefined
  readonly serials: ReadonlySet<bigint>
}

/** Whether the owner of `key` signed a certificate or a revocation list. */
export function isSignedBy(der: Buffer, key: KeyObject): boolean {
  try {
    const [body, algorithm, signature] = readInside(readElements(der)[0], tags.sequence)
    const [id] = readInside(algorithm, tags.sequence)
    const hash = algorithms[id?.content.toString('hex') ?? '']
    if (hash === undefined || !body || signature?.tag !== tags.bitString || signature.content[0] !== 0) return false
    return verify(hash, body.whole, key, signature.content.subarray(1))
  } catch {
    return false
  }
}

/** The name of the subject of a certificate, in DER. */
export function subjectOf(certificate: Buffer): Buffer {
  const fields = bodyOf(certificate)
  const subject = fields[fields[0]?.tag === tags.context0 ? 5 : 4]
  if (!subject) throw new Error('Invalid certificate: it has no subject')
  return subject.whole
}

/** The serial number of a certificate. */
export function serialOf(certificate: Buffer): bigint {
  const fields = bodyOf(certificate)
  return readInteger(fields[fields[0]?.tag === tags.context0 ? 1 : 0])
}

/** Whether a certificate has a critical extension that we don't know: then it must not be used (section 4.2). */
export function hasUnknownExtensions(certificate: Buffer): boolean {
  const extensions = bodyOf(certificate).find(({ tag }) => tag === tags.context3)
  return extensions !== undefined && criticalOnes(extensions).some((id) => !knownExtensions.includes(id))
}

/** Reads a revocation list (section 5.1). Throws an Error where that can't be, or it is of a kind that we don't know. */
export function readRevocationList(der: Buffer): RevocationList {
  const elements = readElements(der)
  if (elements.length !== 1) throw new Error('Invalid revocation list: expected one')
  const [body] = readInside(elements[0], tags.sequence)
  const fields = readInside(body, tags.sequence)
  if (fields[0]?.tag === tags.integer) fields.shift()
  const [, issuer, , ...rest] = fields
  if (!issuer) throw new Error('Invalid revocation list: it has no issuer')
  const extensions = rest.find(({ tag }) => tag === tags.context0)
  if (extensions && criticalOnes(extensions).length > 0) {
    throw new Error('Invalid revocation list: it has a critical extension, as delta and indirect lists have')
  }
  const revoked = rest.find(({ tag }) => tag === tags.sequence)
  const entries = revoked ? readInside(revoked, tags.sequence) : []
  return {
    der,
    issuer: issuer.whole,
    nextUpdate: readTime(rest[0]),
    serials: new Set(entries.map((entry) => readInteger(readInside(entry, tags.sequence)[0]))),
  }
}

function bodyOf(certificate: Buffer): Element[] {
  const [body] = readInside(readElements(certificate)[0], tags.sequence)
  return readInside(body, tags.sequence)
}

/** The object identifiers, in hex, of the critical ones among extensions. */
function criticalOnes(extensions: Element): string[] {
  const [list] = readElements(extensions.content)
  return readInside(list, tags.sequence).flatMap((extension) => {
    const [id, critical] = readInside(extension, tags.sequence)
    const isCritical = critical?.tag === tags.boolean && critical.content[0] !== 0
    return id && isCritical ? [id.content.toString('hex')] : []
  })
}

/** Section 4.1.2.5: two digits of the year from 1950 on, or four. */
function readTime(element: Element | undefined): Date | undefined {
  if (element?.tag !== tags.utcTime && element?.tag !== tags.generalizedTime) return undefined
  const text = element.content.toString('latin1')
  const full = element.tag === tags.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full)
  if (!match) throw new Error('Invalid DER: broken time')
  const [, year, month, day, hour, minute, second] = match
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}
