import { commonRules } from '#devices/rules.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import { defineFeature } from '../feature.ts'
import type { FeatureContext } from '../feature.ts'

/** Mounts that show the container parts of the host it may ask about but can do nothing to. */
const hostMounts: readonly string[] = [
  '/dev/fuse dev/fuse none bind,create=file,optional 0 0',
  '/dev/net/tun dev/net/tun none bind,create=file,optional 0 0',
  '/proc/sys/fs/binfmt_misc proc/sys/fs/binfmt_misc none rbind,create=dir,optional 0 0',
  '/sys/fs/fuse/connections sys/fs/fuse/connections none rbind,create=dir,optional 0 0',
  '/sys/fs/pstore sys/fs/pstore none rbind,create=dir,optional 0 0',
  '/sys/kernel/debug sys/kernel/debug none rbind,create=dir,optional 0 0',
  '/sys/kernel/security sys/kernel/security none rbind,create=dir,optional 0 0',
  '/sys/kernel/tracing sys/kernel/tracing none rbind,create=dir,optional 0 0',
]

/** Files of lxcfs that take the place of the kernel's, so that programs inside see their own limits. */
const lxcfsFiles = ['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'slabinfo', 'stat', 'swaps', 'uptime']

/** What every container has, whatever its configuration. */
export const container = defineFeature({
  keys: {},

  lxc(_, context) {
    const privileged = context.idmap.length === 0
    const access = privileged ? 'mixed' : 'rw'
    return [
      ['lxc.uts.name', context.name],
      ['lxc.arch', /64|s390x/.test(context.architecture) ? 'linux64' : 'linux32'],
      ['lxc.tty.max', '0'],
      ['lxc.pty.max', '1024'],
      ['lxc.autodev', '1'],
      ['lxc.mount.auto', `proc:${access} sys:${access} cgroup:mixed`],
      ...(privileged
        ? [['lxc.mount.entry', 'mqueue dev/mqueue mqueue rw,relatime,create=dir,optional 0 0'] as const]
        : []),
      ...hostMounts.map((entry): LxcItem => ['lxc.mount.entry', entry]),
      ...lxcfsMounts(context),
      ...commonRules(context.host, privileged),
      // Where AppArmor is not in use liblxc has nothing to do for it.
      ['lxc.apparmor.profile', context.host.apparmor ? 'generated' : 'unconfined'],
    ]
  },
})

function lxcfsMounts({ host }: FeatureContext): LxcItem[] {
  const { lxcfs } = host
  if (lxcfs === undefined) return []
  const cpu = lxcfs.wholeCpu ? 'sys/devices/system/cpu' : 'sys/devices/system/cpu/online'
  const paths = [...lxcfsFiles.map((file) => `proc/${file}`), cpu]
  return paths.map((path): LxcItem => ['lxc.mount.entry', `${lxcfs.path}/${path} ${path} none bind,optional 0 0`])
}
