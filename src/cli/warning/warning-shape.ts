import { fields } from '../shape.ts'

/** What `warning show` prints. */
export const warningShape = fields({
  status: 'text',
  uuid: 'text',
  location: 'text',
  project: 'text',
  type: 'text',
  count: 'number',
  first_seen_at: 'time',
  last_seen_at: 'time',
  last_message: 'text',
  severity: 'text',
  entity_url: 'text',
})
