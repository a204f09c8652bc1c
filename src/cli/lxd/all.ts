import type { Tree } from '../command.ts'
import type { VerifyAudit } from './audit-verify.ts'

/** What commands need of the daemon's code, which they never see. */
export interface DaemonParts {
  /** Whether there is something for it to do: instances to start, or clients on the network to listen to. */
  readonly isNeeded: () => Promise<boolean>
  readonly verifyAudit: VerifyAudit
}

/** Every command of `lxd`. Each is loaded when it is called. */
export function all(version: string, { isNeeded, verifyAudit }: DaemonParts): Tree {
  return {
    activateifneeded: {
      load: async () => (await import('./activate-if-needed.ts')).activateIfNeeded(isNeeded),
    },
    audit: {
      load: async () => (await import('./audit.ts')).audit,
      commands: { verify: { load: async () => (await import('./audit-verify.ts')).auditVerify(verifyAudit) } },
    },
    init: { load: async () => (await import('./init.ts')).init },
    shutdown: { load: async () => (await import('./shutdown.ts')).shutdown },
    version: { load: async () => (await import('./version.ts')).showVersion(version) },
    waitready: { load: async () => (await import('./wait-ready.ts')).waitReady },
  }
}
