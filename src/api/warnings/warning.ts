import { Warning, WarningPut } from '#schema/warning.ts'
import type { WarningRecord } from '#store/warning-record.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** A warning as the API shows it. */
export function warningJson(warning: WarningRecord): Warning {
  return {
    status: warning.status,
    uuid: warning.uuid,
    location: 'none',
    project: warning.project,
    type: warning.type,
    count: warning.count,
    first_seen_at: warning.firstSeenAt,
    last_seen_at: warning.lastSeenAt,
    last_message: warning.message,
    severity: warning.severity,
    entity_url: warning.entity,
  }
}

async function setStatus(services: Services, request: Request<'/1.0/warnings/{uuid}', { readonly status: string }>) {
  const { params, body, requestor } = request
  await services.warnings.setStatus(params.uuid, body.status, requestor)
  return done()
}

export const warning = route('/1.0/warnings/{uuid}', {
  get: {
    doc: 'Get a warning.',
    access: 'admin',
    reply: Warning,
    handle: (services, { params }) => sync(warningJson(services.warnings.get(params.uuid))),
  },
  put: { doc: 'Acknowledge a warning, or take that back.', access: 'admin', body: WarningPut, handle: setStatus },
  patch: { doc: 'Acknowledge a warning, or take that back.', access: 'admin', body: WarningPut, handle: setStatus },
  delete: {
    doc: 'Delete a warning.',
    access: 'admin',
    async handle(services, { params, requestor }) {
      await services.warnings.delete(params.uuid, requestor)
      return done()
    },
  },
})
