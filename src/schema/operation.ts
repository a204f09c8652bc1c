import Type from 'typebox'
import { StatusCode, StringList, Timestamp } from './common.ts'

/** Long work as the API shows it. */
export const Operation = Type.Object(
  {
    id: Type.String({ description: 'UUID' }),
    class: Type.String({ description: 'One of task, websocket and token' }),
    description: Type.String(),
    created_at: Timestamp,
    updated_at: Timestamp,
    status: Type.String(),
    status_code: StatusCode,
    resources: Type.Union([Type.Record(Type.String(), StringList), Type.Null()]),
    metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
    may_cancel: Type.Boolean(),
    err: Type.String({ description: 'What went wrong; empty otherwise' }),
    location: Type.String({ description: 'Cluster member it runs on, none outside a cluster' }),
  },
  { title: 'Operation' },
)
