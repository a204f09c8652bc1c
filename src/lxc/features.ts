import { nativeFunction } from '#host/native.ts'

const library = 'liblxc.so.1'
const getVersion = nativeFunction(library, 'const char *lxc_get_version(void)')
const hasExtension = nativeFunction(library, 'bool lxc_has_api_extension(const char *name)')

/** The version of liblxc, such as `5.0.2`. */
export function liblxcVersion(): string {
  return String(getVersion()())
}

/** What LXD reports as `lxc_features`, and the extension of liblxc's API that stands for each. */
const extensions = {
  cgroup2: 'cgroup2',
  core_scheduling: 'core_scheduling',
  devpts_fd: 'devpts_fd',
  idmapped_mounts_v2: 'idmapped_mounts_v2',
  mount_injection_file: 'mount_injection_file',
  network_gateway_device_route: 'network_gateway_device_route',
  network_ipvlan: 'network_ipvlan',
  network_l2proxy: 'network_l2proxy',
  network_phys_macvlan_mtu: 'network_phys_macvlan_mtu',
  network_veth_router: 'network_veth_router',
  pidfd: 'pidfd',
  seccomp_allow_deny_syntax: 'seccomp_allow_deny_syntax',
  seccomp_notify: 'seccomp_notify',
  seccomp_proxy_send_notify_fd: 'seccomp_proxy_send_notify_fd',
} as const

/** The features of liblxc by LXD's names, as found. */
export function liblxcFeatures(): Record<string, boolean> {
  return Object.fromEntries(
    Object.entries(extensions).map(([feature, extension]) => [feature, hasExtension()(extension) === true]),
  )
}
