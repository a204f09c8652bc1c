/**
 * The API extensions a server has: names by which clients decide what to ask of it. Each is announced only while all
 * that it promises is there, which is told from the declarations of routes and keys themselves.
 *
 * What an extension promises: https://documentation.ubuntu.com/lxd/stable-5.0/api-extensions/
 */
import type { Keys } from '#config/key.ts'
import type { Route } from './route.ts'

/**
 * Names in LXD's order, each with what it needs: a method (`GET /1.0/resources`), a key (`instance boot.autostart`,
 * `device nic/bridged network`, `network ipv4.nat`, `pool source`, `project …`, `server …`), a kind of device
 * (`device proxy`), or nothing, where it is a way of the API as a whole.
 */
const known: readonly (readonly [name: string, ...needs: readonly string[]])[] = [
  ['container_host_shutdown_timeout', 'instance boot.host_shutdown_timeout'],
  ['container_stop_priority', 'instance boot.stop.priority'],
  ['container_syscall_filtering', 'instance security.syscalls.deny_default', 'instance security.syscalls.deny'],
  ['auth_pki', 'server core.trust_ca_certificates'],
  ['container_last_used_at', 'GET /1.0/instances/{name}'],
  ['etag'],
  ['patch', 'PATCH /1.0/instances/{name}', 'PATCH /1.0/profiles/{name}', 'PATCH /1.0/networks/{name}'],
  ['usb_devices', 'device usb'],
  ['https_allowed_credentials', 'server core.https_allowed_credentials'],
  ['image_compression_algorithm', 'POST /1.0/images', 'server images.compression_algorithm'],
  ['directory_manipulation', 'POST /1.0/instances/{name}/files'],
  ['container_cpu_time', 'GET /1.0/instances/{name}/state'],
  ['network', 'POST /1.0/networks', 'PUT /1.0/networks/{name}', 'DELETE /1.0/networks/{name}'],
  ['profile_usedby', 'GET /1.0/profiles/{name}'],
  ['container_exec_recording', 'POST /1.0/instances/{name}/exec', 'GET /1.0/instances/{name}/logs/{file}'],
  ['certificate_update', 'PUT /1.0/certificates/{fingerprint}', 'PATCH /1.0/certificates/{fingerprint}'],
  ['container_exec_signal_handling', 'POST /1.0/instances/{name}/exec'],
  ['gpu_devices', 'device gpu/physical'],
  ['container_image_properties', 'instance image.*'],
  ['id_map', 'instance raw.idmap', 'instance security.idmap.isolated', 'instance security.idmap.size'],
  ['network_firewall_filtering', 'network ipv4.firewall', 'network ipv6.firewall'],
  ['network_routes', 'network ipv4.routes', 'network ipv6.routes'],
  ['storage', 'POST /1.0/storage-pools', 'PUT /1.0/storage-pools/{name}', 'DELETE /1.0/storage-pools/{name}'],
  ['file_delete', 'DELETE /1.0/instances/{name}/files'],
  ['file_append', 'POST /1.0/instances/{name}/files'],
  ['network_dhcp_expiry', 'network ipv4.dhcp.expiry', 'network ipv6.dhcp.expiry'],
  ['image_create_aliases', 'POST /1.0/images', 'POST /1.0/images/aliases'],
  ['entity_description', 'PUT /1.0/instances/{name}', 'PUT /1.0/networks/{name}', 'PUT /1.0/storage-pools/{name}'],
  ['image_force_refresh', 'POST /1.0/images/{fingerprint}/refresh'],
  ['id_map_base', 'instance security.idmap.base'],
  ['file_symlinks', 'POST /1.0/instances/{name}/files'],
  ['container_edit_metadata', 'PUT /1.0/instances/{name}/metadata', 'POST /1.0/instances/{name}/metadata/templates'],
  ['storage_volatile_initial_source', 'pool volatile.initial_source'],
  ['resources', 'GET /1.0/resources', 'GET /1.0/storage-pools/{name}/resources'],
  ['kernel_limits', 'instance limits.kernel.*'],
  ['storage_api_volume_rename', 'POST /1.0/storage-pools/{pool}/volumes/{type}/{volume}'],
  ['console', 'POST /1.0/instances/{name}/console', 'GET /1.0/instances/{name}/console'],
  ['restrict_devlxd', 'instance security.devlxd'],
  ['infiniband', 'device infiniband/physical'],
  ['proxy', 'device proxy'],
  ['network_dhcp_gateway', 'network ipv4.dhcp.gateway'],
  ['file_get_symlink', 'GET /1.0/instances/{name}/files'],
  ['network_leases', 'GET /1.0/networks/{name}/leases'],
  ['operation_description'],
  ['clustering', 'GET /1.0/cluster'],
  ['event_lifecycle', 'GET /1.0/events'],
  ['nvidia_runtime', 'instance nvidia.runtime'],
  ['container_mount_propagation', 'device disk propagation'],
  ['container_backup', 'POST /1.0/instances/{name}/backups'],
  ['network_state', 'GET /1.0/networks/{name}/state'],
  ['container_protection_delete', 'instance security.protection.delete'],
  ['network_hwaddr', 'network bridge.hwaddr'],
  ['network_nat_order', 'network ipv4.nat.order', 'network ipv6.nat.order'],
  ['container_full', 'GET /1.0/instances'],
  ['projects', 'POST /1.0/projects', 'PUT /1.0/projects/{name}', 'DELETE /1.0/projects/{name}'],
  ['snapshot_scheduling', 'instance snapshots.schedule', 'POST /1.0/instances/{name}/snapshots'],
  ['container_protection_shift', 'instance security.protection.shift'],
  ['network_leases_location', 'GET /1.0/networks/{name}/leases'],
  ['resources_cpu_socket', 'GET /1.0/resources'],
  ['resources_gpu', 'GET /1.0/resources'],
  ['resources_numa', 'GET /1.0/resources'],
  ['kernel_features'],
  ['id_map_current', 'instance volatile.idmap.current'],
  ['event_location', 'GET /1.0/events'],
  ['network_nat_address', 'network ipv4.nat.address', 'network ipv6.nat.address'],
  ['container_nic_routes', 'device nic/bridged ipv4.routes', 'device nic/bridged ipv6.routes'],
  ['lxc_features'],
  ['container_nic_ipvlan', 'device nic/ipvlan'],
  ['container_nic_ipfilter', 'device nic/bridged security.ipv4_filtering'],
  ['resources_v2', 'GET /1.0/resources'],
  ['container_exec_user_group_cwd', 'POST /1.0/instances/{name}/exec'],
  ['container_disk_shift', 'device disk shift'],
  ['resources_infiniband', 'GET /1.0/resources'],
  ['instances', 'GET /1.0/instances', 'POST /1.0/instances'],
  ['image_types', 'GET /1.0/images', 'POST /1.0/images'],
  ['resources_disk_sata', 'GET /1.0/resources'],
  ['images_expiry', 'PUT /1.0/images/{fingerprint}'],
  ['compression_squashfs', 'POST /1.0/images'],
  ['container_raw_mount', 'device disk raw.mount.options'],
  ['container_nic_routed', 'device nic/routed'],
  ['image_profiles', 'PUT /1.0/images/{fingerprint}'],
  ['resources_disk_id', 'GET /1.0/resources'],
  ['api_filtering', 'GET /1.0/instances', 'GET /1.0/images'],
  ['instance_nic_network', 'device nic/bridged network'],
  ['firewall_driver'],
  ['projects_limits', 'project limits.instances'],
  ['limits_hugepages', 'instance limits.hugepages.2MB'],
  ['container_nic_routed_gateway', 'device nic/routed ipv4.gateway'],
  ['projects_restrictions', 'project restricted'],
  ['trust_ca_certificates', 'server core.trust_ca_certificates'],
  ['resources_usb_pci', 'GET /1.0/resources'],
  ['resources_cpu_threads_numa', 'GET /1.0/resources'],
  ['resources_cpu_core_die', 'GET /1.0/resources'],
  ['api_os'],
  ['resources_system', 'GET /1.0/resources'],
  ['images_push_relay', 'POST /1.0/images', 'POST /1.0/images/{fingerprint}/export'],
  ['network_dns_search', 'network dns.search'],
  ['container_nic_routed_limits', 'device nic/routed limits.ingress'],
  ['instance_nic_bridged_vlan', 'device nic/bridged vlan'],
  ['network_state_bond_bridge', 'GET /1.0/networks/{name}/state'],
  ['usedby_consistency', 'GET /1.0/projects/{name}'],
  ['resources_gpu_mdev', 'GET /1.0/resources'],
  ['projects_limits_disk', 'project limits.disk'],
  ['resources_pci_iommu', 'GET /1.0/resources'],
  ['resources_network_usb', 'GET /1.0/resources'],
  ['resources_disk_address', 'GET /1.0/resources'],
  ['projects_limits_instances', 'project limits.instances'],
  ['network_state_vlan', 'GET /1.0/networks/{name}/state'],
  ['instance_nic_bridged_port_isolation', 'device nic/bridged security.port_isolation'],
  ['instance_bulk_state_change', 'PUT /1.0/instances'],
  ['network_acl', 'POST /1.0/network-acls'],
  ['projects_images_remote_cache_expiry', 'project images.remote_cache_expiry'],
  ['certificate_project', 'POST /1.0/certificates'],
  ['projects_images_auto_update', 'project images.auto_update_cached', 'project images.auto_update_interval'],
  ['projects_restricted_cluster_target', 'project restricted.cluster.target', 'GET /1.0/cluster'],
  ['project_usage', 'GET /1.0/projects/{name}/state'],
  ['warnings', 'GET /1.0/warnings', 'PUT /1.0/warnings/{uuid}', 'DELETE /1.0/warnings/{uuid}'],
  [
    'projects_restricted_backups_and_snapshots',
    'project restricted.backups',
    'POST /1.0/instances/{name}/backups',
    'POST /1.0/instances/{name}/snapshots',
  ],
  ['server_trusted_proxy', 'server core.https_trusted_proxy'],
  ['server_supported_storage_drivers'],
  ['event_lifecycle_requestor_address', 'GET /1.0/events'],
  ['resources_gpu_usb', 'GET /1.0/resources'],
  ['network_forward', 'POST /1.0/networks/{name}/forwards'],
  ['network_counters_errors_dropped', 'GET /1.0/instances/{name}/state'],
  ['metrics', 'GET /1.0/metrics'],
  ['image_source_project', 'POST /1.0/images', 'POST /1.0/images/{fingerprint}/refresh'],
  ['linux_sysctl', 'instance linux.sysctl.*'],
  ['certificate_self_renewal', 'PUT /1.0/certificates/{fingerprint}'],
  ['instance_all_projects', 'GET /1.0/instances'],
  ['instance_get_full', 'GET /1.0/instances/{name}'],
  ['event_project', 'GET /1.0/events'],
  ['network_dns_records', 'POST /1.0/network-zones/{zone}/records'],
  ['metrics_cpu_seconds', 'GET /1.0/metrics'],
  ['certificate_token', 'POST /1.0/certificates'],
  ['instance_nic_routed_neighbor_probe', 'device nic/routed ipv4.neighbor_probe'],
  [
    'projects_restricted_intercept',
    'project restricted.containers.interception',
    'instance security.syscalls.intercept.mount',
  ],
  ['metrics_authentication', 'server core.metrics_authentication'],
  ['images_target_project', 'POST /1.0/images', 'POST /1.0/images/{fingerprint}/export'],
  ['instance_file_head', 'HEAD /1.0/instances/{name}/files'],
  ['resources_pci_vpd', 'GET /1.0/resources'],
  ['projects_networks_restricted_access', 'project restricted.networks.access'],
  ['remote_token_expiry', 'server core.remote_token_expiry'],
  ['oidc', 'server oidc.issuer', 'server oidc.client.id', 'server oidc.audience'],
  ['oidc_groups_claim', 'server oidc.groups.claim'],
]

/** The keys there are, by what they configure: `instance`, `network`, `pool`, `device nic/bridged` and so on. */
export type DeclaredKeys = Readonly<Record<string, Keys>>

/** The names of the extensions that a server with these routes and keys has. */
export function announcedExtensions(routes: readonly Route[], keys: DeclaredKeys): readonly string[] {
  const facts = new Set([...methods(routes), ...Object.entries(keys).flatMap(([of, declared]) => named(of, declared))])
  return known.filter(([, ...needs]) => needs.every((need) => facts.has(anonymous(need)))).map(([name]) => name)
}

/** Paths are compared without the names of their parameters. */
function anonymous(need: string): string {
  return need.replaceAll(/\{\w+\}/g, '{}')
}

function methods(routes: readonly Route[]): string[] {
  const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete'] as const
  return routes.flatMap((route) =>
    verbs.filter((verb) => route[verb]).map((verb) => anonymous(`${verb.toUpperCase()} ${route.path}`)),
  )
}

function named(of: string, keys: Keys): string[] {
  return [of, ...Object.keys(keys).map((key) => `${of} ${key}`)]
}
