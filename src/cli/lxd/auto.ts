import { badRequest, conflict } from '#base/failure.ts'
import type { Config, Preseed } from './preseed.ts'
import { freeBridgeName, preferredDriver, type ServerState } from './server-state.ts'

/** The wishes that `lxd init --auto` takes as flags; empty and -1 where there is none. */
export interface AutoFlags {
  readonly 'network-address': string
  readonly 'network-port': number
  readonly 'storage-backend': string
  readonly 'storage-create-device': string
  readonly 'storage-create-loop': number
  readonly 'storage-pool': string
  readonly 'trust-password': string
}

const knownBackends = ['btrfs', 'ceph', 'cephfs', 'dir', 'lvm', 'overlay', 'zfs']

/** Drivers that need nothing to put their data in but a directory. */
const plainBackends = ['dir', 'overlay']

/**
 * What is missing on a server for instances to run on it: a storage pool, a bridge, and a default profile that has
 * both. What is there already is left as it is.
 */
export function planAuto(flags: AutoFlags, server: ServerState): Preseed {
  const config = planConfig(flags)
  const pools = planPools(flags, server)
  const networks = server.networks.some(({ managed }) => managed) ? [] : [{ name: freeBridgeName(server) }]

  const devices: Record<string, Config> = {}
  if (pools[0] !== undefined && !server.devices.includes('root')) {
    devices['root'] = { type: 'disk', path: '/', pool: pools[0].name }
  }
  if (networks[0] !== undefined && !server.devices.includes('eth0')) {
    devices['eth0'] = { type: 'nic', name: 'eth0', network: networks[0].name }
  }
  const profiles = Object.keys(devices).length === 0 ? [] : [{ name: 'default', devices }]
  return { config, pools, networks, profiles, projects: [] }
}

function planConfig(flags: AutoFlags): Config {
  const { 'network-address': address, 'network-port': port, 'trust-password': password } = flags
  if (address === '') {
    if (port !== -1) throw badRequest("--network-port can't be used without --network-address")
    if (password !== '') throw badRequest("--trust-password can't be used without --network-address")
    return {}
  }
  return {
    'core.https_address': addressWithPort(address, port === -1 ? 8443 : port),
    ...(password === '' ? {} : { 'core.trust_password': password }),
  }
}

/** `10.0.0.1:8443`, `[::1]:8443`; `all` is every address. */
export function addressWithPort(address: string, port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw badRequest(`Invalid port "${port}": expected 1 to 65535`)
  const host = address === 'all' ? '::' : address
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

function planPools(flags: AutoFlags, { pools, drivers }: ServerState): Preseed['pools'] {
  const wanted = flags['storage-backend']
  const backend = wanted || preferredDriver({ drivers })
  const { 'storage-create-device': device, 'storage-create-loop': loop, 'storage-pool': pool } = flags

  if (!knownBackends.includes(backend)) {
    throw badRequest(`The requested backend '${backend}' isn't supported by lxd init`)
  }
  if (!drivers.includes(backend)) {
    throw badRequest(`The requested backend '${backend}' isn't available on your system (missing tools)`)
  }
  if (plainBackends.includes(backend) && (device !== '' || loop !== -1 || pool !== '')) {
    throw badRequest(
      `None of --storage-pool, --storage-create-device or --storage-create-loop may be used with the '${backend}' backend`,
    )
  }
  if (device !== '' && loop !== -1) {
    throw badRequest('Only one of --storage-create-device or --storage-create-loop can be specified')
  }
  if (pools.length > 0) {
    if (wanted !== '') throw conflict('Storage has already been configured')
    return []
  }
  const source = device || pool
  const config: Config = { ...(source === '' ? {} : { source }), ...(loop === -1 ? {} : { size: `${loop}GB` }) }
  return [{ name: 'default', type: backend, config }]
}
