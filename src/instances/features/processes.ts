import { integer } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

/** How many processes an instance may have. */
export const processes = defineFeature({
  keys: {
    'limits.processes': integer({
      doc: 'Processes and threads the instance may have at a time.',
      min: 1,
      max: 2 ** 22,
      live: true,
      risk: 'safe',
    }),
  },

  cgroup(values, { host }) {
    if (!host.cgroups.has('pids')) return []
    const limit = values['limits.processes']
    return [{ controller: 'pids', item: 'pids.max', value: String(limit ?? 'max'), fresh: limit === undefined }]
  },
})
