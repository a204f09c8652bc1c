import { fields, list, map } from '../shape.ts'

const put = { config: map('text'), description: 'text' } as const

/** What `network edit` reads. */
export const networkPut = fields(put)

/** What `network show` prints. */
export const networkShape = fields({
  ...put,
  name: 'text',
  type: 'text',
  used_by: list('text'),
  managed: 'bool',
  status: 'text',
  locations: list('text'),
})

/** A lease, as lists show it to programs. */
export const leaseShape = fields({ hostname: 'text', hwaddr: 'text', address: 'text', type: 'text', location: 'text' })
