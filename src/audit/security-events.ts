import type { Requestor } from '#events/events.ts'
import type { AuditEntry } from './entry.ts'

/**
 * What an event of type `security` holds: the fields of LXD 6
 * (https://documentation.ubuntu.com/lxd/latest/howto/security_events/), with names from OWASP's vocabulary
 * (https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html).
 */
export interface SecurityEvent {
  readonly name: string
  readonly level: 'info' | 'warning' | 'error'
  readonly description: string
  readonly requestor?: Requestor
  readonly request_path?: string
  readonly request_method?: string
}

/** The event for an entry of the audit log; undefined where there is none. */
export function securityEventOf(entry: AuditEntry, requestor: Requestor | undefined): SecurityEvent | undefined {
  const by = requestor ? { requestor } : {}
  switch (entry.event) {
    case 'daemon-started':
      return { name: 'sys_startup', level: 'warning', description: 'The daemon has started' }
    case 'daemon-stopped':
      return { name: 'sys_shutdown', level: 'warning', description: 'The daemon is stopping' }
    case 'login-failed':
      return {
        name: `authn_login_fail:${entry.who.method}`,
        level: 'warning',
        description: `Authentication failure: ${entry.reason}`,
        ...by,
      }
    case 'trust-changed':
      return {
        name: `privilege_permissions_changed:${nameOf(requestor)}`,
        level: 'warning',
        description: `${entry.change}: ${entry.object}`,
        ...by,
      }
    case 'config-changed':
      return {
        name: `authz_admin:${nameOf(requestor)}`,
        level: 'warning',
        description: `Server configuration changed: ${entry.keys.slice(0, 16).join(', ')}`,
        ...by,
      }
    case 'request': {
      const denied = entry.decision === 'denied'
      return {
        name: `${denied ? 'authz_fail' : 'authz_admin'}:${nameOf(requestor)}`,
        level: 'warning',
        description: denied ? `Authorization failure: "${entry.action}" was denied` : 'The server was administrated',
        ...by,
        request_path: pathOf(entry.route, entry.params ?? {}),
        request_method: entry.method,
      }
    }
    case 'answer':
    case 'end':
    case 'left-out':
    case 'log-recovered':
    case 'log-broken':
    case 'log-resumed':
    case 'log-cut':
      return undefined
  }
}

function nameOf(requestor: Requestor | undefined): string {
  return requestor?.username ?? ''
}

/** The path as it was asked for, without its query, which may hold secrets. */
function pathOf(route: string, params: Readonly<Record<string, string>>): string {
  return route.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent((params[name] ?? '').slice(0, 256).toWellFormed()),
  )
}
