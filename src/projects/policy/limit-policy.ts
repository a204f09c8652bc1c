import { badRequest, forbidden } from '#base/failure.ts'
import type { Rules } from '../project-keys.ts'
import { amountOf, resources, usageOf } from '../usage.ts'
import type { Counted, CountedInstance, Resource, SharedResource } from '../usage.ts'

/** A project as it would be after a change: what is in it, and the limits it has. */
export interface LimitedProject extends Counted {
  readonly name: string
  readonly instances: readonly (CountedInstance & { readonly name: string })[]
  readonly rules: Rules
  /** `limits.*` as written, for messages. */
  readonly config: Readonly<Record<string, string>>
  /** What changes: something in the project, or the project itself. */
  readonly changed: 'content' | 'project'
}

const shared: readonly SharedResource[] = ['cpu', 'disk', 'memory', 'processes']

/** Whether rules limit anything. */
export function hasLimits(rules: Rules): boolean {
  return resources.some((resource) => rules[`limits.${resource}`] !== undefined)
}

/** Throws a Failure that names the limit where a project would have more than it may. */
export function checkLimits(project: LimitedProject): void {
  try {
    for (const resource of shared)
      if (project.rules[`limits.${resource}`] !== undefined) checkEachSets(project, resource)
  } catch (cause) {
    if (project.changed === 'project') throw cause
    throw forbidden('Failed getting usage of project entities', { cause })
  }
  const usage = usageOf(project)
  for (const resource of resources) {
    const limit = project.rules[`limits.${resource}`]
    if (limit === undefined || usage[resource] <= limit) continue
    if (project.changed === 'content') throw forbidden(tooMuch(project, resource))
    throw badRequest(tooLow(project.name, resource, usage[resource]))
  }
}

/** A sum means nothing while an instance has no part in it that could be added. */
function checkEachSets({ name: project, instances, changed }: LimitedProject, resource: SharedResource): void {
  const refuse = changed === 'project' ? badRequest : forbidden
  for (const instance of instances) {
    const amount = amountOf(instance, resource)
    if (amount === 'unset' && resource === 'disk') {
      throw refuse(
        `Instance "${instance.name}" in project "${project}" has no "size" config set on the root device either directly or via a profile`,
      )
    }
    if (amount === 'unset') {
      throw refuse(
        `Instance "${instance.name}" in project "${project}" has no "limits.${resource}" config, either directly or via a profile`,
      )
    }
    if (amount === 'relative') {
      throw refuse(`Failed parsing "limits.${resource}" for instance "${instance.name}" in project "${project}"`, {
        cause: refuse(resource === 'cpu' ? 'expected a number of CPUs' : 'expected an amount, not a share'),
      })
    }
  }
}

/** What is counted, rather than added up. */
const counted: Readonly<Record<Exclude<Resource, SharedResource>, string>> = {
  instances: 'instances',
  containers: 'instances of type "container"',
  networks: 'networks',
  'virtual-machines': 'instances of type "virtual-machine"',
}

function isShared(resource: Resource): resource is SharedResource {
  return shared.includes(resource as SharedResource)
}

function tooMuch({ name, config }: LimitedProject, resource: Resource): string {
  if (!isShared(resource)) return `Reached maximum number of ${counted[resource]} in project "${name}"`
  return `Reached maximum aggregate value "${config[`limits.${resource}`]}" for "limits.${resource}" in project "${name}"`
}

function tooLow(project: string, resource: Resource, usage: number): string {
  const key = `limits.${resource}`
  if (isShared(resource)) {
    const total = resource === 'disk' || resource === 'memory' ? formatBytes(usage) : String(usage)
    return `"${key}" is too low: current total is "${total}"`
  }
  // To the letter what LXD says.
  const shown = resource === 'instances' ? key : `"${key}"`
  const what = resource === 'instances' ? 'total instances' : counted[resource].replaceAll('"', '')
  return `Can't change ${shown} in project "${project}": "${key}" is too low: there currently are ${usage} ${what} in project "${project}"`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** An amount as LXD writes it in messages: `512.0MiB`. */
function formatBytes(bytes: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 0), units.length - 1)
  return power === 0 ? `${bytes}B` : `${(bytes / 1024 ** power).toFixed(1)}${units[power]}`
}
