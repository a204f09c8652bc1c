import { forbidden } from '#base/failure.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import { rulesOf } from '../project-keys.ts'

/**
 * Throws a forbidden Failure where a project doesn't allow snapshots or backups to be made: to be asked before one is,
 * of an instance or of a volume, whoever asks for it and also by a schedule.
 */
export function checkMayKeep(project: ProjectRecord, what: 'snapshot' | 'backup'): void {
  const rules = rulesOf(project)
  if (!rules.restricted || rules[`restricted.${what}s`] === 'allow') return
  throw forbidden(`Project "${project.name}" doesn't allow for ${what} creation`)
}

/**
 * Throws a forbidden Failure where a project doesn't allow an instance to be placed on a cluster member, or in a group
 * of them (`@group`), that its creator chose.
 */
export function checkMayTarget(project: ProjectRecord, target: string): void {
  const rules = rulesOf(project)
  if (!rules.restricted || target === '') return
  if (!target.startsWith('@')) {
    if (rules['restricted.cluster.target'] === 'allow') return
    throw forbidden("This project doesn't allow cluster member targeting")
  }
  const groups = rules['restricted.cluster.groups']
  if (!groups || groups.includes(target.slice(1))) return
  throw forbidden("This project doesn't allow targeting this cluster group")
}
