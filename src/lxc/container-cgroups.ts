import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseCgroups, readCgroupFile, removeCgroup, writeCgroupFile } from '#host/cgroups.ts'
import type { Hierarchy } from '#host/cgroups.ts'

/** The control groups of containers: `lxc.payload.NAME`, and `lxc.monitor.NAME` for the monitor. */
export class ContainerCgroups {
  readonly #hierarchies: readonly Hierarchy[]

  constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies
  }

  /**
   * The groups of the container with this init, by controller, and the version 2 group also as `unified`. The init may
   * sit in a group below: the path ends with the container's own part.
   */
  find(init: number): Map<string, string> {
    const found = new Map<string, string>()
    for (const [hierarchy, directory] of parseCgroups(readCgroups(init), this.#hierarchies)) {
      const own = /^.*?\/lxc\.payload\.[^/]+/.exec(directory)?.[0]
      if (own === undefined) continue
      if (hierarchy.version === 2) found.set('unified', own)
      for (const controller of hierarchy.controllers) found.set(controller, own)
    }
    return found
  }

  /** Stops or lets on all processes of a container and waits until it is so. */
  async setFrozen(groups: ReadonlyMap<string, string>, frozen: boolean): Promise<void> {
    const freezer = groups.get('freezer')
    if (freezer !== undefined) {
      const wanted = frozen ? 'FROZEN' : 'THAWED'
      await writeCgroupFile(freezer, 'freezer.state', wanted)
      await this.#until(async () => [wanted, undefined].includes(await readCgroupFile(freezer, 'freezer.state')))
      return
    }
    const unified = groups.get('unified')
    if (unified === undefined) throw new Error('Cannot freeze: the host has no freezer control group')
    await writeCgroupFile(unified, 'cgroup.freeze', frozen ? '1' : '0')
    await this.#until(async () => isFrozenV2(unified, frozen))
  }

  async isFrozen(groups: ReadonlyMap<string, string>): Promise<boolean> {
    const freezer = groups.get('freezer')
    if (freezer !== undefined) return (await readCgroupFile(freezer, 'freezer.state')) !== 'THAWED'
    const unified = groups.get('unified')
    return unified !== undefined && (await isFrozenV2(unified, true))
  }

  /** Removes what liblxc left of a container's groups: all of it, where its monitor was killed. */
  async removeStale(name: string): Promise<void> {
    const initCgroups = parseCgroups(await readFile('/proc/1/cgroup', 'latin1'), this.#hierarchies)
    await Promise.all(
      [...initCgroups.values()].flatMap((directory) => {
        // liblxc makes its groups beside those of the host's init.
        const base = directory.replace(/\/init\.scope$/, '')
        return ['lxc.payload', 'lxc.monitor'].map((kind) => removeSoon(join(base, `${kind}.${name}`)))
      }),
    )
  }

  async #until(done: () => Promise<boolean>): Promise<void> {
    for (let pause = 1, waited = 0; !(await done()); waited += pause, pause = Math.min(pause * 2, 50)) {
      if (waited > 10_000) throw new Error('Cannot freeze or thaw within 10 seconds')
      await delay(pause)
    }
  }
}

async function isFrozenV2(directory: string, frozen: boolean): Promise<boolean> {
  return (await readCgroupFile(directory, 'cgroup.events'))?.includes(`frozen ${frozen ? 1 : 0}`) ?? !frozen
}

function readCgroups(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'latin1')
  } catch {
    return ''
  }
}

/** A group is busy for a moment after the last process in it was killed. */
async function removeSoon(directory: string): Promise<void> {
  for (let tries = 0; tries < 20 && !(await removeCgroup(directory)); tries++) await delay(10)
}
