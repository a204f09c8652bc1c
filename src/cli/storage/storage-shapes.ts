import { fields, list, map, optional } from '../shape.ts'

const put = { config: map('text'), description: 'text' } as const

/** What `storage edit` reads. */
export const poolPut = fields(put)

/** What `storage show` prints. */
export const poolShape = fields({
  ...put,
  name: 'text',
  driver: 'text',
  used_by: list('text'),
  status: 'text',
  locations: list('text'),
})

const amount = fields({ used: optional('number'), total: 'number' })

/** What `storage show --resources` prints. */
export const poolResources = fields({ space: amount, inodes: amount })

/** What `storage volume show` prints. */
export const volumeShape = fields({
  ...put,
  name: 'text',
  type: 'text',
  used_by: list('text'),
  location: 'text',
  content_type: 'text',
  project: 'text',
  created_at: 'time',
})
