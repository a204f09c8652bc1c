import type { Config } from '#config/config.ts'
import { Server, ServerPut } from '#schema/server.ts'
import type { ServerUntrusted } from '#schema/server.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Services } from '../services.ts'

function etag(services: Services): unknown {
  return [services.serverConfig.shown()]
}

function publicPart({ extensions, oidc }: Services, trusted: boolean): ServerUntrusted {
  return {
    api_extensions: [...extensions],
    api_status: 'stable',
    api_version: '1.0',
    auth: trusted ? 'trusted' : 'untrusted',
    public: false,
    auth_methods: oidc.rules() ? ['tls', 'oidc'] : ['tls'],
  }
}

/** The server itself. Strangers are told only what they need to become known. */
export const server = route('/1.0', {
  get: {
    doc: 'Get the server: what it can, what it runs on, how it is configured.',
    access: 'untrusted',
    reply: Server,
    handle(services, { identity, may, project }) {
      if (!identity.trusted) return sync(publicPart(services, false))
      // Who may nothing anywhere is told that it is known, and no more.
      if (identity.grants.length === 0) return sync(publicPart(services, true))
      const shown: Server = {
        config: may('view-server') ? { ...services.serverConfig.shown() } : {},
        ...publicPart(services, true),
        environment: services.environment.describe(project),
      }
      return sync(shown, etag(services))
    },
  },
  put: {
    doc: 'Replace the configuration of the server.',
    access: 'admin',
    body: ServerPut,
    async handle(services, { body, checkEtag, requestor }) {
      const replace = (): Config => {
        checkEtag(etag(services))
        return body.config
      }
      await services.serverConfig.update(replace, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of the configuration of the server.',
    access: 'admin',
    body: ServerPut,
    async handle(services, { body, checkEtag, requestor }) {
      const merge = (shown: Config): Config => {
        checkEtag(etag(services))
        return { ...shown, ...body.config }
      }
      await services.serverConfig.update(merge, requestor)
      return done()
    },
  },
})
