import { bool } from '#config/key.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import { defineFeature } from '../feature.ts'

/** Capabilities that not even the root of a privileged container has. */
const dropped = 'sys_time sys_module sys_rawio mac_admin mac_override'

/** How far a container is kept from the host. */
export const security = defineFeature({
  keys: {
    'security.privileged': bool({
      doc: `Run the container without a user namespace.

Root inside is then root of the host, held back by seccomp, dropped capabilities and cgroups only. Such a container
is not safe to give to anyone who is not trusted with the host.`,
      default: 'false',
      risk: 'privilege',
    }),
    'security.nesting': bool({
      doc: `Let containers run inside the container.

Mounts of proc and sysfs that nothing covers are added at \`/dev/.lxc\`: the kernel asks for them before it lets a user
namespace mount its own.`,
      default: 'false',
      risk: 'nesting',
    }),
    'security.protection.delete': bool({
      doc: 'Refuse to delete the instance.',
      default: 'false',
      live: true,
      risk: 'safe',
    }),
  },

  lxc(values) {
    const nesting: LxcItem[] = [
      ['lxc.mount.entry', 'proc dev/.lxc/proc proc create=dir,optional 0 0'],
      ['lxc.mount.entry', 'sys dev/.lxc/sys sysfs create=dir,optional 0 0'],
    ]
    return [
      ...(values['security.privileged'] ? ([['lxc.cap.drop', dropped]] as const) : []),
      ...(values['security.nesting'] ? nesting : []),
    ]
  },
})
