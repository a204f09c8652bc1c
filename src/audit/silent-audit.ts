import type { Audit } from './audit.ts'

/** An audit log that keeps nothing, for tests. */
export const silentAudit: Pick<Audit, 'request' | 'loginFailed' | 'trustChanged'> = {
  request: () => ({ allowed() {}, onDisk: async () => {}, answered: async () => {}, closed() {} }),
  loginFailed() {},
  trustChanged() {},
}
