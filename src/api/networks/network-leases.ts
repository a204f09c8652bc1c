import { NetworkLeases } from '#schema/network.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import { checkNetworkAccess } from './network-access.ts'

/** `/1.0/networks/{name}/leases` */
export const networkLeases = route('/1.0/networks/{name}/leases', {
  get: {
    doc: 'List the addresses in use on a network by the instances of a project.',
    access: 'view',
    reply: NetworkLeases,
    async handle(services, request) {
      const { params, project } = request
      checkNetworkAccess(services, request)
      return sync(await services.networks.leases(params.name, project))
    },
  },
})
