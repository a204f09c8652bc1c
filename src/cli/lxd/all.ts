import type { Tree } from '../command.ts'

/** Every command of `lxd`. Each is loaded when it is called. */
export function all(version: string, isNeeded: () => Promise<boolean>): Tree {
  return {
    activateifneeded: {
      load: async () => (await import('./activate-if-needed.ts')).activateIfNeeded(isNeeded),
    },
    init: { load: async () => (await import('./init.ts')).init },
    shutdown: { load: async () => (await import('./shutdown.ts')).shutdown },
    version: { load: async () => (await import('./version.ts')).showVersion(version) },
    waitready: { load: async () => (await import('./wait-ready.ts')).waitReady },
  }
}
