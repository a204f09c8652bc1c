import { getCertificate } from '#client/certificates.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { certificateShape } from './config-trust-shapes.ts'

export const configTrustShow = command({
  name: 'config trust show',
  usage: '[<remote>:]<fingerprint>',
  doc: 'Show trust configurations',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'certificate fingerprint')
    const { certificate } = await getCertificate(connection, name)
    at.print(writeYaml(arrange(certificateShape, certificate)))
  },
})
