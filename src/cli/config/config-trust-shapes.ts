import { fields, list } from '../shape.ts'

const put = {
  name: 'text',
  type: 'text',
  restricted: 'bool',
  projects: list('text'),
  certificate: 'text',
} as const

/** What `config trust edit` reads. */
export const certificatePut = fields(put)

/** What `config trust show` prints. */
export const certificateShape = fields({ ...put, fingerprint: 'text' })
