import { fields, list, map, optional } from '../shape.ts'

const put = {
  auto_update: 'bool',
  properties: map('text'),
  public: 'bool',
  expires_at: 'time',
  profiles: list('text'),
} as const

/** What `image show` and `image edit` show of an image. */
export const imagePut = fields(put)

const source = fields({
  alias: 'text',
  certificate: 'text',
  protocol: 'text',
  server: 'text',
  image_type: 'text',
})

/** An image, as lists show it to programs. */
export const imageShape = fields({
  ...put,
  aliases: list(fields({ name: 'text', description: 'text' })),
  architecture: 'text',
  cached: 'bool',
  filename: 'text',
  fingerprint: 'text',
  size: 'number',
  update_source: optional(source),
  type: 'text',
  created_at: 'time',
  last_used_at: 'time',
  uploaded_at: 'time',
})

/** An alias, as lists show it to programs. */
export const aliasShape = fields({ description: 'text', target: 'text', name: 'text', type: 'text' })
