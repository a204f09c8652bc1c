import { badRequest } from '#base/failure.ts'
import { string } from '#config/key.ts'
import { checkPrintable } from '../printable.ts'
import { defineFeature, family } from '../feature.ts'

const prefix = 'linux.sysctl.'

/** Settings of the kernel that a container has for itself. */
export const sysctl = defineFeature({
  keys: {
    'linux.sysctl.net.*': string({
      doc: `A setting of the container's own network, such as \`linux.sysctl.net.ipv4.ip_forward\`.`,
      risk: 'safe',
      check: checkPrintable,
    }),
    'linux.sysctl.*': string({
      doc: `A kernel setting of the container, such as \`linux.sysctl.kernel.shmmax\`.

Those of its own network, IPC and other namespaces; the kernel refuses others to a container with a user namespace, and
the container then doesn't start.`,
      risk: 'lowlevel',
      check: checkPrintable,
    }),
  },

  check(_, config) {
    for (const [name] of family(config, prefix)) {
      if (/^\w[\w-]*([./]\w[\w-]*)*$/.test(name)) continue
      throw badRequest(`Invalid instance configuration: "${prefix}${name}": expected the name of a kernel setting`)
    }
  },

  lxc: (_, { config }) => family(config, prefix).map(([name, value]) => [`lxc.sysctl.${name}`, value] as const),
})
