import type { InstanceFull } from '#client/instances.ts'

/** Whether root inside is root of the host, by the instance's own configuration or a profile of its. */
export function isPrivileged({ config, expanded_config }: InstanceFull): boolean {
  const value = expanded_config?.['security.privileged'] ?? config['security.privileged'] ?? ''
  return ['true', '1', 'yes', 'on'].includes(value.toLowerCase())
}
