import { Admission } from '#auth/admission.ts'
import type { OnAuthenticationFailure } from '#auth/admission.ts'
import { JoinTokens } from '#auth/join-tokens.ts'
import type { AccessStore } from '#auth/access-store.ts'
import type { Groups } from '#auth/groups.ts'
import type { Identities } from '#auth/identities.ts'
import { Oidc } from '#auth/oidc/oidc.ts'
import { Pki } from '#auth/pki.ts'
import { RemoteClients } from '#auth/remote-clients.ts'
import { Throttle } from '#auth/throttle.ts'
import { TrustPassword } from '#auth/trust-password.ts'
import { TrustStore } from '#auth/trust-store.ts'
import type { Audit } from '#audit/audit.ts'
import type { Log } from '#base/log.ts'
import type { Events } from '#events/events.ts'
import type { Operations } from '#operations/operations.ts'
import type { Environment } from '#server/environment.ts'
import type { ServerConfig } from '#server/server-config.ts'
import type { Store } from '#store/store.ts'
import type { Warnings } from '#warnings/warnings.ts'

export interface TrustOptions {
  readonly directory: string
  readonly store: Store
  readonly events: Events
  readonly log: Log
  readonly warnings: Warnings
  readonly operations: Operations
  readonly access: AccessStore
  readonly groups: Groups
  readonly identities: Identities
  readonly audit: Audit
  readonly serverConfig: ServerConfig
  readonly environment: Environment
}

/** Who is trusted, and how one becomes it. */
export async function makeTrust(options: TrustOptions) {
  const { directory, store, events, log, warnings, operations, serverConfig, environment } = options
  const { access, groups, identities, audit } = options
  const onFailure: OnAuthenticationFailure = (failure) => {
    log.warn('Failed authentication', { ...failure })
    audit.loginFailed(failure)
  }
  const pki = await Pki.load({ directory, log })
  const trust = new TrustStore({
    store,
    access,
    events,
    checkIssuer: (certificate) => pki.check(certificate),
    onChange: (requestor, action, fingerprint) => audit.trustChanged(requestor, action, fingerprint),
  })
  const remoteClients = new RemoteClients({
    trust,
    groups,
    pki,
    trustAuthority: () => serverConfig.values()['core.trust_ca_certificates'],
    onRefused: ({ address, fingerprint, reason }) =>
      onFailure({ method: 'certificate', address, id: fingerprint, reason }),
  })
  const oidc = new Oidc({ settings: () => serverConfig.values(), groups, identities, log, onFailure })
  const tokens = new JoinTokens({
    operations,
    server: () => {
      const { certificate_fingerprint: fingerprint, addresses } = environment.describe('default')
      return { fingerprint, addresses }
    },
    expiry: () => serverConfig.values()['core.remote_token_expiry'],
  })
  const trustPassword = new TrustPassword({ stored: () => serverConfig.get()['core.trust_password'], warnings })
  serverConfig.use(trustPassword.part)
  const throttle = new Throttle({
    limit: () => serverConfig.values()['core.auth_failures_limit'],
    expiry: () => serverConfig.values()['core.auth_failures_expiry'],
  })
  const admission = new Admission({ trust, tokens, password: trustPassword, throttle, onFailure })
  return { pki, trust, tokens, trustPassword, admission, remoteClients, oidc, throttle, onFailure }
}
