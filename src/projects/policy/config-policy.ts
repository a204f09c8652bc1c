import { forbidden } from '#base/failure.ts'
import { findKey } from '#config/config.ts'
import { parseBool } from '#config/key.ts'
import type { Key, Keys, Risk } from '#config/key.ts'
import type { Rules } from '../project-keys.ts'
import { findForbiddenLine, parseRawIdMap } from './raw-idmap.ts'
import { nameOf, refusedValue } from './subject.ts'
import type { Subject } from './subject.ts'

/** A key with a value, of a subject under rules. */
interface Use {
  readonly rules: Rules
  readonly subject: Subject
  readonly name: string
  readonly key: Key
  readonly value: string
}

/** The keys whose meaning, set or not, decides how far a container is from the host's users. */
const privileged = 'security.privileged'
const isolated = 'security.idmap.isolated'

/** What each class of keys needs. Throws a forbidden Failure where the rules don't give it. */
const needs: Readonly<Record<Risk, (use: Use) => void>> = {
  safe() {},

  lowlevel(use) {
    if (!allowsLowlevel(use)) throw lowlevel(use)
  },

  privilege(use) {
    // These two are judged by what they come to, see below.
    if (use.name === privileged || use.name === isolated) return
    if (use.rules['restricted.containers.privilege'] !== 'allow') throw lowlevel(use)
  },

  nesting({ rules, subject, name, key, value }) {
    if (rules['restricted.containers.nesting'] === 'allow' || isOff(key, value)) return
    throw refusedValue(subject, name, value, 'Container nesting is forbidden')
  },

  interception({ rules, subject, name, key, value }) {
    if (rules['restricted.containers.interception'] !== 'block' || isOff(key, value)) return
    throw refusedValue(subject, name, value, 'Container syscall interception is forbidden')
  },

  'mount-interception'({ rules, subject, name, key, value }) {
    if (rules['restricted.containers.interception'] === 'full' || isOff(key, value)) return
    throw refusedValue(subject, name, value, 'Interception of mounts is forbidden')
  },

  idmap(use) {
    if (allowsLowlevel(use)) return
    const { rules, subject, name, value } = use
    const allowed = { uid: rules['restricted.idmap.uid'] ?? [], gid: rules['restricted.idmap.gid'] ?? [] }
    const element = findForbiddenLine(parseRawIdMap(value), allowed)
    if (element < 0) return
    throw forbidden(`Use of low-level "${name}" element ${element} on ${nameOf(subject)} is forbidden`)
  },

  backups(use) {
    if (use.rules['restricted.backups'] !== 'allow') throw lowlevel(use)
  },

  snapshots(use) {
    if (use.rules['restricted.snapshots'] !== 'allow') throw lowlevel(use)
  },
}

/**
 * Throws a forbidden Failure for configuration that the rules of a restricted project don't allow: a key whose class
 * isn't open, or one without a class.
 */
export function checkConfigPolicy(rules: Rules, subject: Subject, keys: Keys): void {
  for (const [name, value] of Object.entries(subject.config)) {
    // Notes of the daemon's own: what of them a client can write is decided where clients write, in every project.
    if (value === '' || name.startsWith('volatile.')) continue
    const key = findKey(keys, name)
    if (key?.risk === undefined) throw forbidden(`Use of config "${name}" on ${nameOf(subject)} is forbidden`)
    needs[key.risk]({ rules, subject, name, key, value })
  }
  checkPrivilege(rules, subject, keys)
}

/**
 * The distance from the host's users, of what the configuration comes to with defaults filled in: a key that is
 * not set must not slip through. A profile alone is not yet all of an instance, so there only what it says counts.
 */
function checkPrivilege(rules: Rules, subject: Subject, keys: Keys): void {
  const rule = rules['restricted.containers.privilege']
  if (rule === 'allow' || subject.kind === 'virtual-machine') return
  const valueOf = (name: string) =>
    subject.config[name] || (subject.kind === 'profile' ? undefined : (keys[name]?.default ?? 'false'))
  const isPrivileged = valueOf(privileged)
  if (isPrivileged !== undefined && parseBool(isPrivileged)) {
    throw refusedValue(subject, privileged, isPrivileged, 'Privileged containers are forbidden')
  }
  const isIsolated = valueOf(isolated)
  if (rule === 'isolated' && isIsolated !== undefined && !parseBool(isIsolated)) {
    throw refusedValue(subject, isolated, isIsolated, 'Non-isolated containers are forbidden')
  }
}

function allowsLowlevel({ rules, subject: { kind } }: Use): boolean {
  const needed = [
    ...(kind === 'virtual-machine' ? [] : [rules['restricted.containers.lowlevel']]),
    ...(kind === 'container' ? [] : [rules['restricted.virtual-machines.lowlevel']]),
  ]
  // A profile is of containers and virtual machines alike; whichever may have the key may have it from there.
  return kind === 'profile' ? needed.includes('allow') : needed.every((one) => one === 'allow')
}

function lowlevel({ name, subject }: Use) {
  return forbidden(`Use of low-level config "${name}" on ${nameOf(subject)} is forbidden`)
}

/** Whether a value asks for nothing: false, of a key that is on or off. */
function isOff(key: Key, value: string): boolean {
  return key.type === 'bool' && !parseBool(value)
}
