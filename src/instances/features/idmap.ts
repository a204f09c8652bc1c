import { bool, integer, keyType, string } from '#config/key.ts'
import { idmapItems } from '#lxc/runtime.ts'
import { parseRawIdMap } from '#projects/policy/raw-idmap.ts'
import { defineFeature } from '../feature.ts'
import { checkRawLines } from '../idmaps.ts'

const maxId = 2 ** 32 - 2

const rawIdMap = keyType('id map', parseRawIdMap)

/** Which ids of the host a container's users are. */
export const idmap = defineFeature({
  keys: {
    'security.idmap.isolated': bool({
      doc: 'Give the container ids that no other container has.',
      default: 'false',
      risk: 'privilege',
    }),
    'security.idmap.base': integer({
      doc: "First id of the host in an isolated container's map. Chosen by the daemon where not set.",
      min: 1,
      max: maxId,
      risk: 'lowlevel',
    }),
    'security.idmap.size': integer({
      doc: "Number of ids in an isolated container's map.",
      default: '65536',
      min: 1,
      max: maxId,
      risk: 'lowlevel',
    }),
    'raw.idmap': rawIdMap({
      doc: `Users and groups of the host that the container has as they are, such as \`both 1000 1000\`.

A line for each: \`uid\`, \`gid\` or \`both\`, ids of the host, ids inside; two ids with a "-" between are a range. Root has
to have the ids of the host in \`/etc/subuid\` and \`/etc/subgid\` (a line such as \`root:1000:1\`), and they can be none of
those that containers are given. What a line says of ids inside takes the place of what they would be otherwise.`,
      risk: 'idmap',
    }),
    'volatile.idmap.base': integer({
      doc: "First id of the host in the container's map; 0 where the map is the shared one.",
      min: 0,
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.idmap.current': string({ doc: 'The map the container runs with.', live: true, risk: 'lowlevel' }),
    'volatile.idmap.next': string({ doc: 'The map the container is started with.', live: true, risk: 'lowlevel' }),
    'volatile.last_state.idmap': string({
      doc: 'The map the files on disk were last used with.',
      live: true,
      risk: 'lowlevel',
    }),
  },

  check: (values) => checkRawLines(values['raw.idmap'] ?? []),

  lxc: (_, context) => idmapItems(context.idmap),
})
