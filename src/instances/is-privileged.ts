import type { Config } from '#config/config.ts'
import { parseBool } from '#config/key.ts'

/** Whether a container with this configuration, profiles included, has no user namespace. */
export function isPrivileged(config: Config): boolean {
  const value = config['security.privileged']
  return value !== undefined && value !== '' && parseBool(value)
}
