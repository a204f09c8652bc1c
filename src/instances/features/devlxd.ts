import { bool } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

/** Whether and what the guest may ask the daemon. */
export const devlxd = defineFeature({
  keys: {
    'security.devlxd': bool({
      doc: `Give the guest \`/dev/lxd/sock\`, where it can ask for its own \`user.*\` and \`cloud-init.*\` keys and devices.

A socket of its own for each instance: who asks is known by the socket.`,
      default: 'true',
      risk: 'safe',
    }),
    'security.devlxd.images': bool({
      doc: 'Let the guest fetch images of its project through `/dev/lxd/sock`: public ones, and those kept from other servers.',
      default: 'false',
      live: true,
      risk: 'safe',
    }),
  },
})
