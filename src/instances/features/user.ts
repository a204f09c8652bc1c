import { parseLinkName } from '#base/link-name.ts'
import { keyType, mac, string } from '#config/key.ts'
import { defineFeature } from '../feature.ts'

/** Keys that are kept and shown: the user's own, the image's properties, and the daemon's notes. */
export const user = defineFeature({
  keys: {
    'user.*': string({ doc: 'Free text for the user of the instance.', live: true, risk: 'safe' }),
    'image.*': string({ doc: 'Properties of the image the instance was made from.', live: true, risk: 'safe' }),
    'volatile.apply_template': string({
      doc: 'What the next start applies templates for: `create`, `copy` or `rename`.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.base_image': string({
      doc: 'Fingerprint of the image the instance was made from.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.cloud-init.instance-id': string({
      doc: 'The id cloud-init tells one instance from another by.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.last_state.power': string({
      doc: 'Whether the instance ran when the daemon last looked: `RUNNING` or `STOPPED`.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.uuid': string({ doc: 'UUID of the instance.', live: true, risk: 'lowlevel' }),
    'volatile.*.apply_quota': string({ doc: 'Disk quota the next start applies.', live: true, risk: 'lowlevel' }),
    'volatile.*.host_name': string({ doc: "Name of the device's end on the host.", live: true, risk: 'lowlevel' }),
    'volatile.*.hwaddr': mac({
      doc: 'Ethernet address of the device, where its configuration has none.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.*.name': keyType(
      'interface name',
      parseLinkName,
    )({
      doc: 'Name of the device inside, where its configuration has none.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.*.last_state.created': string({
      doc: 'Whether the daemon made the physical device itself.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.*.last_state.device': string({
      doc: 'The rule that lets the running instance use a device of the host.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.*.last_state.mtu': string({
      doc: 'MTU the physical device had before it was moved into the instance.',
      live: true,
      risk: 'lowlevel',
    }),
    'volatile.*.last_state.hwaddr': string({
      doc: 'Ethernet address the physical device had before it was moved into the instance.',
      live: true,
      risk: 'lowlevel',
    }),
  },
})
