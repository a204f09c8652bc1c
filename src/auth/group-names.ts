import { badRequest } from '#base/failure.ts'

const maxLength = 255

/** Throws a bad-request Failure unless a group can be called so. */
export function checkGroupName(name: string): void {
  if (name.includes('/')) throw badRequest(`Invalid group name "${name}": it has a forward slash`)
  if (name.includes(':')) throw badRequest(`Invalid group name "${name}": it has a colon`)
  checkName('group', name)
}

/** The same for a group of the identity provider, which may be a path or a URN. */
export function checkProviderGroupName(name: string): void {
  checkName('identity provider group', name)
}

function checkName(what: string, name: string): void {
  if (name === '') throw badRequest(`Invalid ${what} name: it is empty`)
  if (name === '.' || name === '..' || name.length > maxLength || /\p{Cc}/u.test(name) || name.trim() !== name) {
    throw badRequest(
      `Invalid ${what} name: expected 1 to ${maxLength} characters, no control characters, no space around`,
    )
  }
}

/** A list of names without repetitions, in order. Throws where it is longer than makes sense. */
export function nameSet(names: readonly string[]): readonly string[] {
  if (names.length > 1000) throw badRequest('Invalid "groups": more than 1000')
  return [...new Set(names)].toSorted()
}
