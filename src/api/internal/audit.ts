import { sync } from '../reply.ts'
import { route } from '../route.ts'

/** How far the audit log has come, for `lxd audit verify`, which can't read the store of a daemon that runs. */
export const audit = route('/internal/audit', {
  get: {
    doc: 'Get the number and the hash of the newest line of the audit log.',
    access: 'admin',
    handle: async (services) => sync(await services.audit.log.anchor()),
  },
})
