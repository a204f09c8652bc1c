import { integer } from '#config/key.ts'
import { defineFeature, requireController } from '../feature.ts'

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

  cgroup(values, context) {
    const limit = values['limits.processes']
    if (limit !== undefined) requireController(context, 'pids', 'limits.processes')
    if (!context.host.cgroups.has('pids')) return []
    return [{ controller: 'pids', item: 'pids.max', value: String(limit ?? 'max'), fresh: limit === undefined }]
  },
})
