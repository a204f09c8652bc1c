import Type from 'typebox'
import type { Static } from 'typebox'
import { StringList, StringMap } from './common.ts'

/** What a user may change of a network. */
export const NetworkPut = Type.Object({ config: StringMap, description: Type.String() }, { title: 'NetworkPut' })
export type NetworkPut = Static<typeof NetworkPut>

/** The same with every field optional: what is absent stays as it is. */
export const NetworkPatch = Type.Partial(NetworkPut, { title: 'NetworkPatch' })
export type NetworkPatch = Static<typeof NetworkPatch>

/** A new network. */
export const NetworksPost = Type.Object(
  {
    ...NetworkPut.properties,
    name: Type.String({ description: 'Name of the network, and of its interface' }),
    type: Type.String({ description: 'Type of the network, bridge where it is empty' }),
  },
  { title: 'NetworksPost' },
)
export type NetworksPost = Static<typeof NetworksPost>

/** A rename of a network. */
export const NetworkPost = Type.Object({ name: Type.String({ description: 'New name' }) }, { title: 'NetworkPost' })
export type NetworkPost = Static<typeof NetworkPost>

/** A network as the API shows it: one we manage, or an interface of the host. */
export const Network = Type.Object(
  {
    ...NetworkPut.properties,
    name: Type.String(),
    type: Type.String({
      description: 'bridge, or for interfaces of the host physical, loopback, bond, vlan or unknown',
    }),
    managed: Type.Boolean({ description: 'Whether it is one of ours' }),
    status: Type.String({ description: 'Created, Pending or Unavailable; empty for interfaces of the host' }),
    used_by: StringList,
    locations: StringList,
  },
  { title: 'Network' },
)
export type Network = Static<typeof Network>

/** An address that is in use on a network. */
export const NetworkLease = Type.Object(
  {
    hostname: Type.String(),
    hwaddr: Type.String(),
    address: Type.String(),
    type: Type.String({ description: 'static, dynamic or gateway' }),
    location: Type.String(),
  },
  { title: 'NetworkLease' },
)
export type NetworkLease = Static<typeof NetworkLease>

const NetworkStateAddress = Type.Object(
  { family: Type.String(), address: Type.String(), netmask: Type.String(), scope: Type.String() },
  { title: 'NetworkStateAddress' },
)

const NetworkStateCounters = Type.Object(
  {
    bytes_received: Type.Integer(),
    bytes_sent: Type.Integer(),
    packets_received: Type.Integer(),
    packets_sent: Type.Integer(),
  },
  { title: 'NetworkStateCounters' },
)

const NetworkStateBond = Type.Object(
  {
    mode: Type.String(),
    transmit_policy: Type.String(),
    up_delay: Type.Integer({ minimum: 0 }),
    down_delay: Type.Integer({ minimum: 0 }),
    mii_frequency: Type.Integer({ minimum: 0 }),
    mii_state: Type.String(),
    lower_devices: StringList,
  },
  { title: 'NetworkStateBond' },
)

const NetworkStateBridge = Type.Object(
  {
    id: Type.String(),
    stp: Type.Boolean(),
    forward_delay: Type.Integer({ minimum: 0, description: 'In hundredths of a second' }),
    vlan_default: Type.Integer({ minimum: 0 }),
    vlan_filtering: Type.Boolean(),
    upper_devices: Type.Array(Type.String(), { description: 'Its ports' }),
  },
  { title: 'NetworkStateBridge' },
)

const NetworkStateVlan = Type.Object(
  { lower_device: Type.String(), vid: Type.Integer({ minimum: 0 }) },
  { title: 'NetworkStateVLAN' },
)

/** What the interface of a network is doing. */
export const NetworkState = Type.Object(
  {
    addresses: Type.Array(NetworkStateAddress),
    counters: NetworkStateCounters,
    hwaddr: Type.String(),
    mtu: Type.Integer(),
    state: Type.String({ description: 'up or down' }),
    type: Type.String({ description: 'broadcast, loopback, point-to-point or unknown' }),
    bond: Type.Union([NetworkStateBond, Type.Null()]),
    bridge: Type.Union([NetworkStateBridge, Type.Null()]),
    vlan: Type.Union([NetworkStateVlan, Type.Null()]),
    ovn: Type.Null(),
  },
  { title: 'NetworkState' },
)
export type NetworkState = Static<typeof NetworkState>

/** The leases of a network. */
export const NetworkLeases = Type.Array(NetworkLease)
