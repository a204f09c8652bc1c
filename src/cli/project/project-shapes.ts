import { fields, list, map } from '../shape.ts'

const put = { config: map('text'), description: 'text' } as const

/** What `project edit` reads. */
export const projectPut = fields(put)

/** What `project show` prints. */
export const projectShape = fields({ ...put, name: 'text', used_by: list('text') })
