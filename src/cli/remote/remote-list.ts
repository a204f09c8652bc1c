import { staticRemotes, type RemoteConfig } from '../client-config.ts'
import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import type { Remotes } from '../remotes.ts'
import { arrangeFor, fields, map } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { remoteShape } from '../write-client-config.ts'

/** A remote as JSON shows it, by other names than YAML. */
const jsonShape = fields({
  Addr: 'text',
  AuthType: 'text',
  Domain: 'text',
  Project: 'text',
  Protocol: 'text',
  Public: 'bool',
  Global: 'bool',
  Static: 'bool',
})

export const remoteList = command({
  name: 'remote list',
  aliases: ['ls'],
  usage: '',
  doc: 'List the available remotes',
  flags: { format: formatFlag },
  args: [0, 0],
  async run({ flags, remotes, at }) {
    const all = Object.entries(remotes.config.remotes)
    const raw =
      flags.format === 'json'
        ? arrangeFor(
            'json',
            map(jsonShape),
            Object.fromEntries(all.map(([name, remote]) => [name, forJson(name, remote, remotes)])),
          )
        : arrangeFor(flags.format, map(remoteShape), remotes.config.remotes)

    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'URL', 'PROTOCOL', 'AUTH TYPE', 'PUBLIC', 'STATIC', 'GLOBAL'],
        rows: all.map(([name, remote]) => rowOf(name, remote, remotes)).sort(compareRows),
        raw,
      }),
    )
  },
})

function rowOf(
  name: string,
  { addr, protocol, auth_type, public: isPublic }: RemoteConfig,
  { config, default: current }: Remotes,
): string[] {
  const auth = addr.startsWith('unix:') ? 'file access' : protocol === 'simplestreams' ? 'none' : 'tls'
  return [
    name === current ? `${name} (current)` : name,
    addr,
    protocol || 'lxd',
    auth_type || auth,
    isPublic ? 'YES' : 'NO',
    name in staticRemotes ? 'YES' : 'NO',
    config.global.has(name) ? 'YES' : 'NO',
  ]
}

function forJson(name: string, remote: RemoteConfig, { config }: Remotes): Record<string, unknown> {
  return {
    Addr: remote.addr,
    AuthType: remote.auth_type,
    Domain: remote.domain,
    Project: remote.project,
    Protocol: remote.protocol,
    Public: remote.public,
    Global: config.global.has(name),
    Static: name in staticRemotes,
  }
}
