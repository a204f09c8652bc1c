import { NetworkState } from '#schema/network.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import { checkNetworkAccess } from './network-access.ts'

/** `/1.0/networks/{name}/state` */
export const networkState = route('/1.0/networks/{name}/state', {
  get: {
    doc: 'Get what the interface of a network is doing.',
    access: 'view',
    reply: NetworkState,
    async handle(services, request) {
      const { params } = request
      checkNetworkAccess(services, request)
      return sync(await services.networks.state(params.name))
    },
  },
})
