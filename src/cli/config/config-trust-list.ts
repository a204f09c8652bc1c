import { listCertificates, type Certificate } from '#client/certificates.ts'

import { command } from '../command.ts'
import { formatUploadTime } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { certificateShape } from './config-trust-shapes.ts'

export const configTrustList = command({
  name: 'config trust list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List trusted clients',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const remote = (args[0] ?? '').replace(/:$/, '') || remotes.default
    const certificates = await listCertificates(remotes.connect(remote))
    const { X509Certificate } = await import('node:crypto')

    at.print(
      await renderList(flags.format, {
        header: ['TYPE', 'NAME', 'COMMON NAME', 'FINGERPRINT', 'ISSUE DATE', 'EXPIRY DATE'],
        rows: certificates.map((certificate) => rowOf(certificate, X509Certificate)).sort(compareRows),
        raw: arrangeFor(flags.format, list(certificateShape), certificates),
      }),
    )
  },
})

type Parser = typeof import('node:crypto').X509Certificate

/** What the certificate says of itself stays empty where the server sends something else. */
function rowOf({ type, name, fingerprint, certificate }: Certificate, Parser: Parser): string[] {
  const head = [type, name]
  try {
    const parsed = new Parser(certificate)
    const commonName = /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? ''
    const [from, to] = [parsed.validFromDate, parsed.validToDate].map((date) => formatUploadTime(date.toISOString()))
    return [...head, commonName, fingerprint.slice(0, 12), from!, to!]
  } catch {
    return [...head, '', fingerprint.slice(0, 12), '', '']
  }
}
