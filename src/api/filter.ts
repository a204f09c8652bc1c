/**
 * The language of `?filter=`: clauses `field eq value` and `field ne value`, each with an optional `not` before it,
 * joined by `and` and `or` from left to right. Fields are the names of the JSON object with dots between
 * (`config.image.os`), values may stand in double quotes.
 *
 * A text is compared as LXD does it: as a regular expression for the whole text, or for any part of it where the
 * expression has an anchor, without regard to case. Expressions run in time linear to the text (RE2).
 */
import { RE2JS } from 're2js'
import { badRequest } from '#base/failure.ts'

const maxLength = 4096
const maxClauses = 64

/** Whether an object is one of those a client asked for. */
export type Filter = (object: object) => boolean

type Test = (value: unknown) => boolean

interface Clause {
  /** What joins it to everything before it. */
  readonly join: 'and' | 'or'
  readonly negated: boolean
  readonly field: string
  readonly test: Test
}

/** Reads a filter; an empty one lets everything through. Throws a bad-request Failure for what it can't read. */
export function parseFilter(text: string | undefined): Filter {
  const words = split(text ?? '')
  if (words.length === 0) return () => true

  const clauses: Clause[] = []
  for (let at = 0; at < words.length;) {
    const join = clauses.length === 0 ? 'and' : readJoin(words[at++])
    if (clauses.length > 0 && at === words.length) throw invalid('unterminated compound clause')
    const negated = words[at]?.text === 'not' && !words[at]?.quoted
    if (negated) at++
    clauses.push({ join, negated, ...readClause(words.slice(at, at + 3)) })
    at += 3
    if (clauses.length > maxClauses) throw invalid(`more than ${maxClauses} clauses`)
  }
  return (object) => clauses.reduce((sofar, clause) => combine(sofar, clause, object), true)
}

interface Word {
  readonly text: string
  readonly quoted: boolean
}

function split(text: string): Word[] {
  if (text.length > maxLength) throw invalid(`longer than ${maxLength} characters`)
  const words: Word[] = []
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|([^\s"]\S*))/gsy
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const quoted = match[1] !== undefined
    words.push({ quoted, text: quoted ? match[1]!.replaceAll(/\\(["\\])/g, '$1') : (match[2] ?? '') })
    end = match.index + match[0].length
  }
  if (text.slice(end).trim() !== '') throw invalid(`cannot read from "${text.slice(end, end + 40).trim()}" on`)
  return words
}

function readJoin(word: Word | undefined): 'and' | 'or' {
  if (word?.text === 'and' || word?.text === 'or') return word.text
  throw invalid(`expected "and" or "or" after a clause, found "${word?.text ?? ''}"`)
}

function readClause([field, operator, value]: readonly Word[]): Pick<Clause, 'field' | 'test'> {
  if (!field) throw invalid('expected a field')
  if (!operator) throw invalid('clause has no operator')
  if (!value) throw invalid('clause has no value')
  const equal = readTest(value.text)
  switch (operator.text.toLowerCase()) {
    case 'eq':
      return { field: field.text, test: equal }
    case 'ne':
      return { field: field.text, test: (found) => !equal(found) }
    default:
      throw invalid(`unknown operator "${operator.text}": expected "eq" or "ne"`)
  }
}

function readTest(wanted: string): Test {
  const text = readTextTest(wanted)
  return (found) => {
    if (typeof found === 'string') return text(found)
    const plain = typeof found === 'boolean' || typeof found === 'number'
    return plain && String(found) === wanted.toLowerCase()
  }
}

function readTextTest(wanted: string): (found: string) => boolean {
  if (!/[\\^$.*+?()[\]{}|]/.test(wanted)) {
    const lower = wanted.toLowerCase()
    return (found) => found.toLowerCase() === lower
  }
  const expression = /[$^]/.test(wanted) ? wanted : `^(?:${wanted})$`
  try {
    const compiled = RE2JS.compile(expression, RE2JS.CASE_INSENSITIVE)
    return (found) => compiled.matcher(found).find()
  } catch {
    return (found) => found === wanted
  }
}

function combine(sofar: boolean, clause: Clause, object: object): boolean {
  if (clause.join === 'and' ? !sofar : sofar) return sofar
  return clause.test(lookUp(object, clause.field)) !== clause.negated
}

/** Keys may have dots themselves (`config` has `image.os`), so the rest of the name is tried as one key first. */
function lookUp(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.hasOwn(value, field)) return (value as Record<string, unknown>)[field]
  const dot = field.indexOf('.')
  const first = field.slice(0, dot)
  if (dot < 0 || !Object.hasOwn(value, first)) return undefined
  return lookUp((value as Record<string, unknown>)[first], field.slice(dot + 1))
}

function invalid(why: string): Error {
  return badRequest(`Invalid filter: ${why}`)
}
