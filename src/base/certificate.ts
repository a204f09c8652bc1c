/**
 * Makes self-signed X.509 certificates (RFC 5280): the structures are few and fixed, and are written in DER
 * (ITU-T X.690) right here; the cryptography is Node's.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { addressToNumber } from './address.ts'

export interface CertificateOptions {
  readonly organization: string
  readonly commonName: string
  /** Names and addresses it is valid for. */
  readonly hosts: readonly string[]
  readonly usage: 'server' | 'client'
  readonly validFrom: Date
  readonly years: number
}

/** A certificate and its private key, both as PEM. */
export interface CertificatePair {
  readonly certificate: string
  readonly key: string
}

const curve = 'secp384r1'

const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  subjectAltName: '2.5.29.17',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** Makes a key on the curve P-384 and a certificate for it, signed by itself. */
export function makeCertificate(options: CertificateOptions): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const body = certificateBody(options, publicKey)
  const signature = sign('sha384', body, privateKey)
  const der = sequence(body, sequence(objectId(oids.ecdsaWithSha384)), bitString(signature, 0))
  return { certificate: pem('CERTIFICATE', der), key: privateKey.export({ type: 'sec1', format: 'pem' }).toString() }
}

function certificateBody(options: CertificateOptions, publicKey: KeyObject): Buffer {
  const end = new Date(options.validFrom)
  end.setUTCFullYear(end.getUTCFullYear() + options.years)
  const name = sequence(
    set(sequence(objectId(oids.organization), utf8(options.organization))),
    set(sequence(objectId(oids.commonName), utf8(options.commonName))),
  )
  return sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serialNumber()),
    sequence(objectId(oids.ecdsaWithSha384)),
    name,
    sequence(time(options.validFrom), time(end)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions(options)),
  )
}

/** 127 random bits: positive, as RFC 5280 section 4.1.2.2 asks. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}

function extensions({ usage, hosts }: CertificateOptions): Buffer {
  const critical = element(0x01, Buffer.of(0xff))
  const extended = usage === 'server' ? oids.serverAuth : oids.clientAuth
  const names = hosts.map((host) =>
    isIP(host) === 0 ? element(0x82, Buffer.from(host, 'ascii')) : element(0x87, addressBytes(host)),
  )
  return sequence(
    // digitalSignature and keyEncipherment: bits 0 and 2 of three.
    sequence(objectId(oids.keyUsage), critical, octetString(bitString(Buffer.of(0b1010_0000), 5))),
    sequence(objectId(oids.extendedKeyUsage), octetString(sequence(objectId(extended)))),
    sequence(objectId(oids.basicConstraints), critical, octetString(sequence())),
    ...(names.length > 0 ? [sequence(objectId(oids.subjectAltName), octetString(sequence(...names)))] : []),
  )
}

function addressBytes(address: string): Buffer {
  const digits = isIP(address) === 4 ? 8 : 32
  return Buffer.from(addressToNumber(address).toString(16).padStart(digits, '0'), 'hex')
}

function element(tag: number, content: Buffer): Buffer {
  const size = content.length
  if (size < 128) return Buffer.concat([Buffer.of(tag, size), content])
  const bytes = Buffer.from(size.toString(16).padStart(size < 256 ? 2 : 4, '0'), 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts))
}

function set(...parts: readonly Buffer[]): Buffer {
  return element(0x31, Buffer.concat(parts))
}

function explicit(number: number, content: Buffer): Buffer {
  return element(0xa0 | number, content)
}

function integer(bytes: Buffer): Buffer {
  return element(0x02, bytes)
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return element(0x03, Buffer.concat([Buffer.of(unusedBits), bytes]))
}

function octetString(content: Buffer): Buffer {
  return element(0x04, content)
}

function utf8(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'))
}

/** The first two numbers share a byte; of the others, seven bits go into each byte, the highest bit says more follow. */
function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = rest.flatMap((number) => {
    const groups = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return element(0x06, Buffer.of(40 * first + second, ...bytes))
}

/** RFC 5280 section 4.1.2.5: two digits of the year until 2049, four from then on. */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2), 'ascii'))
    : element(0x18, Buffer.from(digits, 'ascii'))
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
