import { getStoragePool, getStoragePoolResources } from '#client/storage.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { formatBytes } from '../format.ts'
import { writeYaml } from '../yaml.ts'

export const storageInfo = command({
  name: 'storage info',
  usage: '[<remote>:]<pool>',
  doc: 'Show useful information about storage pools',
  flags: {
    bytes: switchFlag('Show the used and free space in bytes'),
    target: textFlag('Cluster member name'),
  },
  args: [1, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const [{ pool }, { space }] = await Promise.all([
      getStoragePool(connection, name),
      getStoragePoolResources(connection, name),
    ])

    const show = (bytes: number): string => (flags.bytes ? String(bytes) : formatBytes(bytes))
    const info = {
      description: pool.description,
      driver: pool.driver,
      name: pool.name,
      'space used': show(space.used ?? 0),
      'total space': show(space.total),
    }
    at.print(writeYaml({ info: new Map(Object.entries(info)), 'used by': groupUsers(pool.used_by ?? []) }))
  },
})

/** The names of what uses a pool, by kind: `/1.0/instances/c1?project=p` is `c1 (project "p")` of the instances. */
function groupUsers(urls: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const url of urls) {
    const [path = '', query] = url.split('?', 2)
    const parts = path.split('/').slice(2).map(decodeURIComponent)
    const kind = parts[0] === 'storage-pools' ? 'volumes' : (parts[0] ?? '')
    const project = new URLSearchParams(query).get('project')
    const shown = (kind === 'instances' ? parts[1] : parts.at(-1)) ?? ''
    groups.set(kind, [...(groups.get(kind) ?? []), project === null ? shown : `${shown} (project "${project}")`])
  }
  for (const names of groups.values()) names.sort()
  return groups
}
