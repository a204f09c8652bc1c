import { created } from '../reply.ts'
import { entityUrl, listReply } from '../list.ts'
import { route } from '../route.ts'
import { hasNetworkAccess } from './network-access.ts'
import { networkJson } from './network.ts'
import { listOf } from '#schema/common.ts'
import { Network, NetworksPost } from '#schema/network.ts'

/** `/1.0/networks` */
export const networks = route('/1.0/networks', {
  get: {
    doc: 'List the networks, and the interfaces of the host.',
    access: 'view',
    reply: listOf(Network),
    async handle(services, request) {
      const all = await services.networks.list()
      const known = all.filter(({ name }) => hasNetworkAccess(services, request, name))
      return listReply(request, known, {
        url: ({ name }) => entityUrl(['networks', name]),
        object: (network) => networkJson(network, request),
      })
    },
  },
  post: {
    doc: 'Create a network.',
    access: 'manage-networks',
    body: NetworksPost,
    async handle(services, { body, requestor }) {
      await services.networks.create(body, requestor)
      return created(entityUrl(['networks', body.name]))
    },
  },
})
