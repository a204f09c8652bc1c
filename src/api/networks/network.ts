import { entityUrl, visibleUrls } from '../list.ts'
import { created, done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import { checkNetworkAccess } from './network-access.ts'
import { Network, NetworkPatch, NetworkPost, NetworkPut } from '#schema/network.ts'

/** A network as a client may see it. */
export function networkJson(network: Network, request: Pick<Request, 'may'>): Network {
  return { ...network, used_by: visibleUrls(request, network.used_by) }
}

/** `/1.0/networks/{name}` */
export const network = route('/1.0/networks/{name}', {
  get: {
    doc: 'Get a network.',
    access: 'view',
    reply: Network,
    async handle(services, request) {
      checkNetworkAccess(services, request)
      const found = await services.networks.get(request.params.name)
      return sync(networkJson(found, request), etag(found))
    },
  },
  put: {
    doc: 'Replace the configuration of a network.',
    access: 'manage-networks',
    body: NetworkPut,
    async handle(services, request) {
      const { params, body, checkEtag, requestor } = request
      checkNetworkAccess(services, request)
      const change = (now: Network) => {
        checkEtag(etag(now))
        return body
      }
      await services.networks.update(params.name, change, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change some of the configuration of a network.',
    access: 'manage-networks',
    body: NetworkPatch,
    async handle(services, request) {
      const { params, body, checkEtag, requestor } = request
      checkNetworkAccess(services, request)
      const change = (now: Network) => {
        checkEtag(etag(now))
        return { description: body.description ?? now.description, config: { ...now.config, ...body.config } }
      }
      await services.networks.update(params.name, change, requestor)
      return done()
    },
  },
  post: {
    doc: 'Rename a network.',
    access: 'manage-networks',
    body: NetworkPost,
    async handle(services, request) {
      const { params, body, requestor } = request
      checkNetworkAccess(services, request)
      await services.networks.rename(params.name, body.name, requestor)
      return created(entityUrl(['networks', body.name]))
    },
  },
  delete: {
    doc: 'Delete a network.',
    access: 'manage-networks',
    async handle(services, request) {
      checkNetworkAccess(services, request)
      await services.networks.delete(request.params.name, request.requestor)
      return done()
    },
  },
})

/** What the ETag of a network is computed from: what a client may change, and what it is. */
function etag({ name, managed, type, description, config }: Network): unknown {
  return [name, managed, type, description, config]
}
