import { fields, list, map } from '../shape.ts'

/** What `operation show` prints. */
export const operationShape = fields({
  id: 'text',
  class: 'text',
  description: 'text',
  created_at: 'time',
  updated_at: 'time',
  status: 'text',
  status_code: 'number',
  resources: map(list('text')),
  metadata: map('any'),
  may_cancel: 'bool',
  err: 'text',
  location: 'text',
})
