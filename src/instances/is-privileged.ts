import type { Config } from '#config/config.ts'

/**
 * Whether a container with this configuration, profiles included, has no user namespace. May be asked of a configuration
 * that has not been checked yet: a value that is none is refused there.
 */
export function isPrivileged(config: Config): boolean {
  return ['true', '1', 'yes', 'on'].includes((config['security.privileged'] ?? '').toLowerCase())
}
