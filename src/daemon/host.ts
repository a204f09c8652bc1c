import { join } from 'node:path'
import type { Log } from '#base/log.ts'
import { findAccount } from '#host/accounts.ts'
import { hostDaemons } from '#host/daemons.ts'
import { hostDeviceNodes } from '#host/device-nodes.ts'
import { releaseDhcp } from '#host/dhcp-release.ts'
import { hardenHost } from '#host/hardening.ts'
import { hostBackgroundPrograms } from '#host/background-process.ts'
import { readKernelFeatures } from '#host/kernel-features.ts'
import { hostLinks } from '#host/links.ts'
import { realMounts } from '#host/mounts.ts'
import { HostNamespaceLinks } from '#host/namespace-links.ts'
import type { NamespaceLinks } from '#host/namespace-links.ts'
import { realGuestFiles } from '#guest/guest-files.ts'
import { mountsInside } from '#guest/mounts-inside.ts'
import { hostNft } from '#host/nft.ts'
import { readOsRelease } from '#host/os-release.ts'
import { run } from '#host/run.ts'
import { hostSubordinateIds } from '#host/subordinate-ids.ts'
import { hostSysctls } from '#host/sysctls.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import { readHostFacts } from '#instances/host-facts.ts'
import { Liblxc } from '#lxc/liblxc.ts'
import type { Runtime } from '#lxc/runtime.ts'
import { thisMachine } from '#server/resources/machine.ts'
import { readResources } from '#server/resources/resources.ts'
import { storageDrivers } from '#storage/drivers/all.ts'

/** All that touches the host: the real thing here, fakes in tests. */
export type Host = Awaited<ReturnType<typeof realHost>>

/** The host this process runs on. */
export async function realHost(options: { readonly directory: string; readonly log: Log }) {
  const { directory, log } = options
  const userNamespaces = realUserNamespaces()
  const mounts = realMounts(userNamespaces)
  const runtime: Runtime = new Liblxc({ directory, run, log })
  const namespaceLinks: NamespaceLinks = new HostNamespaceLinks()
  return {
    run,
    links: hostLinks(),
    namespaceLinks,
    sysctls: hostSysctls,
    harden: () => hardenHost(),
    subordinateIds: hostSubordinateIds,
    nft: hostNft(),
    daemons: hostDaemons(),
    programs: hostBackgroundPrograms,
    releaseDhcp,
    account: await findAccount(run, ['lxd', 'nobody']),
    mounts,
    nodes: hostDeviceNodes,
    inside: mountsInside(run),
    guestFiles: realGuestFiles(),
    drivers: storageDrivers({ mounts, run, log, trialDirectory: join(directory, 'storage-pools') }),
    runtime,
    facts: readHostFacts(),
    kernelFeatures: await readKernelFeatures({ directory, userNamespaces }),
    osRelease: await readOsRelease(),
    readResources: async () => await readResources(await thisMachine()),
  }
}
