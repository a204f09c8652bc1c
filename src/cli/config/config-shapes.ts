import { fields, map } from '../shape.ts'

/** What `config show` and `config edit` show of a server. */
export const serverPut = fields({ config: map('text') })
