import { badRequest } from '#base/failure.ts'
import { done } from '../reply.ts'
import { route } from '../route.ts'

/** Stops all instances and the daemon, which is what `lxd shutdown` asks; answers when the instances are down. */
export const shutdown = route('/internal/shutdown', {
  put: {
    doc: 'Shut the daemon and its instances down.',
    access: 'admin',
    async handle(services, { query }) {
      const force = query['force'] === 'true'
      const seconds = Number(query['timeout'] ?? '0')
      if (!Number.isFinite(seconds) || seconds < 0)
        throw badRequest(`Invalid "timeout" "${query['timeout']}": expected seconds`)
      await services.shutdown({ force, timeout: seconds * 1000 })
      return done()
    },
  },
})
