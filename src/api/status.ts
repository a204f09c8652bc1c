import { kindOf } from '#base/failure.ts'
import type { FailureKind } from '#base/failure.ts'

const statuses: Readonly<Record<FailureKind, number>> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'precondition-failed': 412,
  'too-many-requests': 429,
  'not-implemented': 501,
  unavailable: 503,
  internal: 500,
}

/** The HTTP status that tells a client of an error. */
export function statusOf(error: unknown): number {
  return statuses[kindOf(error)]
}
