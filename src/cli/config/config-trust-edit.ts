import { getCertificate, updateCertificate, type CertificatePut } from '#client/certificates.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { certificatePut } from './config-trust-shapes.ts'

export const configTrustEdit = command({
  name: 'config trust edit',
  usage: '[<remote>:]<fingerprint>',
  doc: 'Edit trust configurations as YAML',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'certificate fingerprint')
    let etag: string | undefined

    await edit({
      at,
      shape: certificatePut,
      help: `A trusted certificate: its name, and the projects it is restricted to, such as

name: build machine
type: client
restricted: true
projects:
- default`,
      load: async () => {
        const got = await getCertificate(connection, name)
        etag = got.etag
        return got.certificate
      },
      save: async (document) => {
        const empty: CertificatePut = { name: '', type: '', restricted: false, projects: [], certificate: '' }
        await updateCertificate(connection, name, { ...empty, ...document }, etag)
      },
    })
  },
})
