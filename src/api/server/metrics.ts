import Type from 'typebox'
import { raw } from '../reply.ts'
import { route } from '../route.ts'

export const metrics = route('/1.0/metrics', {
  get: {
    doc: 'Get what running instances use, in the text format of Prometheus: of all projects, or of one that is named.',
    access: 'view-metrics',
    reply: Type.String(),
    handle: async (services, { query }) =>
      raw(await services.readMetrics(query['project']), { 'content-type': 'text/plain' }),
  },
})
