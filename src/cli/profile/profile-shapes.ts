import { fields, list, map } from '../shape.ts'

const put = { config: map('text'), description: 'text', devices: map(map('text')) } as const

/** What `profile edit` reads. */
export const profilePut = fields(put)

/** What `profile show` prints. */
export const profileShape = fields({ ...put, name: 'text', used_by: list('text') })
