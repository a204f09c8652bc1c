import { NetworkState } from '#schema/network.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

/** `/1.0/networks/{name}/state` */
export const networkState = route('/1.0/networks/{name}/state', {
  get: {
    doc: 'Get what the interface of a network is doing.',
    access: 'view',
    reply: NetworkState,
    async handle(services, { params }) {
      return sync(await services.networks.state(params.name))
    },
  },
})
