import Type from 'typebox'
import type { Static } from 'typebox'
import { StringList } from './common.ts'

/** What a user may change of a certificate. Its type is what it was added with. */
export const CertificatePut = Type.Object(
  {
    name: Type.String(),
    type: Type.String({ description: 'client, metrics or server; can not be changed' }),
    restricted: Type.Boolean({ description: 'Whether it counts in its projects only' }),
    projects: StringList,
    certificate: Type.String({ description: 'The certificate as PEM; empty to keep what is there' }),
  },
  { title: 'CertificatePut' },
)
export type CertificatePut = Static<typeof CertificatePut>

/** The same with every field optional: what is absent stays as it is. */
export const CertificatePatch = Type.Partial(CertificatePut, { title: 'CertificatePatch' })
export type CertificatePatch = Static<typeof CertificatePatch>

/** A certificate to trust, or with `token` a wish for a token with which a client can add its own. */
export const CertificatesPost = Type.Object(
  {
    ...CertificatePut.properties,
    certificate: Type.String({
      description: 'The certificate, in base64 or as PEM; empty for that of the connection',
    }),
    password: Type.String({ description: 'Of a client that is not trusted: a token, or the trust password' }),
    token: Type.Boolean({ description: 'Whether to make a token' }),
  },
  { title: 'CertificatesPost' },
)
export type CertificatesPost = Static<typeof CertificatesPost>

/** A trusted certificate as the API shows it. */
export const Certificate = Type.Object(
  { ...CertificatePut.properties, fingerprint: Type.String({ description: 'SHA-256 of the certificate, in hex' }) },
  { title: 'Certificate' },
)
export type Certificate = Static<typeof Certificate>
