import { badRequest } from '#base/failure.ts'
import { keyType } from '#config/key.ts'
import { formatLxcConfig, parseLxcConfig } from '#lxc/lxc-config.ts'
import { defineFeature } from '../feature.ts'

/** What the daemon and liblxc have to agree on: another value would take the container out of the daemon's hands. */
const reserved = [
  'lxc.cgroup.dir',
  'lxc.cgroup.relative',
  'lxc.console',
  'lxc.ephemeral',
  'lxc.hook.post-stop',
  'lxc.hook.version',
  'lxc.idmap',
  'lxc.log',
  'lxc.monitor',
  'lxc.net',
  'lxc.rootfs',
  'lxc.seccomp',
  'lxc.uts.name',
]

const lines = keyType('liblxc configuration', (text) => {
  const items = parseLxcConfig(text)
  formatLxcConfig(items)
  for (const [key, value] of items) {
    if (reserved.some((one) => key === one || key.startsWith(`${one}.`))) {
      throw badRequest(`Invalid "${key}": this is for the daemon to set`)
    }
    // An empty value takes back what was there before.
    if (value === '' && /^lxc\.(hook|mount|environment)/.test(key)) {
      throw badRequest(`Invalid "${key}": expected a value`)
    }
  }
  return items
})

/** Configuration of liblxc that no key stands for. */
export const raw = defineFeature({
  keys: {
    'raw.lxc': lines({
      doc: `Lines for the container's liblxc configuration, see lxc.container.conf(5).

Whoever may set them can do to the host what root can.`,
      risk: 'lowlevel',
    }),
  },
  lxc: (values) => values['raw.lxc'] ?? [],
})
