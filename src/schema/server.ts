import Type from 'typebox'
import type { Static } from 'typebox'
import { StringList, StringMap } from './common.ts'

/** What a user may change of the server. */
export const ServerPut = Type.Object({ config: StringMap }, { title: 'ServerPut' })
export type ServerPut = Static<typeof ServerPut>

const ServerStorageDriverInfo = Type.Object(
  { Name: Type.String(), Version: Type.String(), Remote: Type.Boolean() },
  { title: 'ServerStorageDriverInfo' },
)

/** What clients are told of a server and its host. */
export const ServerEnvironment = Type.Object(
  {
    addresses: StringList,
    architectures: StringList,
    certificate: Type.String({ description: 'The server certificate as PEM' }),
    certificate_fingerprint: Type.String(),
    driver: Type.String(),
    driver_version: Type.String(),
    firewall: Type.String(),
    kernel: Type.String(),
    kernel_architecture: Type.String(),
    kernel_features: StringMap,
    kernel_version: Type.String(),
    lxc_features: StringMap,
    os_name: Type.String(),
    os_version: Type.String(),
    project: Type.String(),
    server: Type.String(),
    server_clustered: Type.Boolean(),
    server_event_mode: Type.String(),
    server_name: Type.String(),
    server_pid: Type.Integer(),
    server_version: Type.String(),
    storage: Type.String({ description: 'The drivers of the pools, separated by " | "' }),
    storage_version: Type.String(),
    storage_supported_drivers: Type.Array(ServerStorageDriverInfo),
  },
  { title: 'ServerEnvironment' },
)
export type ServerEnvironment = Static<typeof ServerEnvironment>

/** A server as anyone may see it. */
export const ServerUntrusted = Type.Object(
  {
    api_extensions: StringList,
    api_status: Type.String(),
    api_version: Type.String(),
    auth: Type.String({ description: 'trusted or untrusted' }),
    public: Type.Boolean(),
    auth_methods: StringList,
  },
  { title: 'ServerUntrusted' },
)
export type ServerUntrusted = Static<typeof ServerUntrusted>

/** A server as trusted clients see it. */
export const Server = Type.Object(
  { ...ServerPut.properties, ...ServerUntrusted.properties, environment: ServerEnvironment },
  { title: 'Server' },
)
export type Server = Static<typeof Server>
