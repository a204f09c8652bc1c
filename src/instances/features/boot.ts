import { bool, integer } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

/** When the daemon starts an instance by itself, and how long it waits for it to shut down. */
export const boot = defineFeature({
  keys: {
    'boot.autostart': bool({
      doc: `Start the instance when the daemon starts.

Where the key is not set, an instance that ran when the host went down is started again.`,
      live: true,
      risk: 'safe',
    }),
    'boot.autostart.delay': integer({
      doc: 'Seconds to wait after starting the instance before the next one is started.',
      default: '0',
      min: 0,
      max: 86_400,
      live: true,
      risk: 'safe',
    }),
    'boot.autostart.priority': integer({
      doc: 'Order of the instances that start by themselves: the highest number is first.',
      default: '0',
      live: true,
      risk: 'safe',
    }),
    'boot.host_shutdown_timeout': integer({
      doc: 'Seconds the instance has to shut down, when the host does, before it is stopped by force.',
      default: '30',
      min: 0,
      max: 86_400,
      live: true,
      risk: 'lowlevel',
    }),
    'boot.stop.priority': integer({
      doc: 'Order in which instances are shut down with the host: the highest number is first.',
      default: '0',
      live: true,
      risk: 'safe',
    }),
  },
})
