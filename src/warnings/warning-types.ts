import type { WarningRecord } from '#store/warning-record.ts'

/**
 * The types of warning there are, with how bad each is unless told otherwise. The names up to the empty line are LXD's.
 */
export const warningTypes = {
  "Couldn't find the CGroup CPU controller": 'low',
  "Couldn't find the CGroup CPUset controller": 'low',
  "Couldn't find the CGroup blkio": 'low',
  "Couldn't find the CGroup devices controller": 'low',
  "Couldn't find the CGroup freezer controller": 'low',
  "Couldn't find the CGroup hugetlb controller": 'low',
  "Couldn't find the CGroup memory controller": 'low',
  "Couldn't find the CGroup memory swap accounting": 'low',
  "Couldn't find the CGroup pids controller": 'low',
  'AppArmor support has been disabled': 'low',
  "IPv6 networks with a prefix larger than 64 aren't properly supported by dnsmasq": 'low',
  'Proxy bridge netfilter not enabled': 'low',
  'Network unavailable': 'high',
  'Failed to autostart instance': 'low',
  'Storage pool unavailable': 'high',

  'API does not listen': 'high',
  'API listens on a wildcard address': 'low',
  'Trust password is in use': 'moderate',
  'Host is not hardened': 'moderate',
  'Instance is privileged': 'moderate',
  'Audit log cannot be written': 'high',
  'Audit log has been changed': 'high',
} as const satisfies Readonly<Record<string, WarningRecord['severity']>>

export type WarningType = keyof typeof warningTypes
