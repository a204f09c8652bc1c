import { string } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

/** What cloud-init in the guest is to do; it asks for these itself, through `/dev/lxd/sock`. */
export const cloudInit = defineFeature({
  keys: {
    'cloud-init.network-config': string({
      doc: 'Network configuration for cloud-init.',
      live: true,
      risk: 'safe',
    }),
    'cloud-init.user-data': string({ doc: 'User data for cloud-init.', live: true, risk: 'safe' }),
    'cloud-init.vendor-data': string({ doc: 'Vendor data for cloud-init.', live: true, risk: 'safe' }),
  },
})
