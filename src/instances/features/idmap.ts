import { bool, integer, string } from '#config/key.ts'
import { idmapItems } from '#lxc/runtime.ts'
import { defineFeature } from '../feature.ts'

const maxId = 2 ** 32 - 2

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

  lxc: (_, context) => idmapItems(context.idmap),
})
