import Type from 'typebox'
import type { Static } from 'typebox'
import { Count, Timestamp } from './common.ts'

/** What a client may change of a warning. */
export const WarningPut = Type.Object(
  { status: Type.String({ description: 'Either new or acknowledged; resolved is for the server to say' }) },
  { title: 'WarningPut' },
)

/** A warning as the API shows it. */
export const Warning = Type.Object(
  {
    ...WarningPut.properties,
    uuid: Type.String(),
    location: Type.String({ description: 'Cluster member it occurred on, none outside a cluster' }),
    project: Type.String({ description: 'Project it occurred in; empty for the server' }),
    type: Type.String(),
    count: Count,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    last_message: Type.String(),
    severity: Type.String({ description: 'One of low, moderate and high' }),
    entity_url: Type.String({ description: 'What is affected; empty for the server' }),
  },
  { title: 'Warning' },
)
export type Warning = Static<typeof Warning>
