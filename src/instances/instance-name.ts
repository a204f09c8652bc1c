import { randomInt } from 'node:crypto'
import { badRequest } from '#base/failure.ts'

/**
 * Throws a bad-request Failure for what can not name an instance: 1 to 63 letters, digits and hyphens, the first a
 * letter, the last no hyphen (RFC 1123, as it becomes a host name).
 */
export function checkInstanceName(name: string): void {
  if (!/^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(name)) {
    throw badRequest(
      `Invalid instance name "${name}": expected 1 to 63 letters, digits and hyphens, starting with a letter and not ending with a hyphen`,
    )
  }
}

/** The name of an instance at the runtime and on disk: neither part can hold the underscore that joins them. */
export function runtimeName(project: string, name: string): string {
  return project === 'default' ? name : `${project}_${name}`
}

/** The instance that {@link runtimeName} made a name of. */
export function instanceOf(runtime: string): { readonly project: string; readonly name: string } {
  const at = runtime.lastIndexOf('_')
  return at < 0 ? { project: 'default', name: runtime } : { project: runtime.slice(0, at), name: runtime.slice(at + 1) }
}

const adjectives = [
  'able',
  'bold',
  'calm',
  'deep',
  'eager',
  'fair',
  'grand',
  'happy',
  'keen',
  'lucid',
  'noble',
  'proud',
  'quick',
  'rapid',
  'sunny',
  'vivid',
]
const animals = [
  'badger',
  'crane',
  'dingo',
  'egret',
  'ferret',
  'gecko',
  'heron',
  'ibis',
  'koala',
  'lemur',
  'marmot',
  'otter',
  'puffin',
  'raven',
  'stoat',
  'wombat',
]

/** A name for an instance its creator gave none, one that `taken` says no of. */
export function newInstanceName(taken: (name: string) => boolean): string {
  for (let digits = 0; ; digits++) {
    const number = digits === 0 ? '' : String(randomInt(10 ** Math.min(digits, 9)))
    const name = `${adjectives[randomInt(adjectives.length)]}-${animals[randomInt(animals.length)]}${number}`
    if (!taken(name)) return name
  }
}
