// Writes YAML the way LXD's clients always have, to the byte: people keep this
// output in version control and compare it. The rules for when a word needs
// quotes are those of YAML 1.1 (https://yaml.org/spec/1.1/), which older
// parsers of this output still follow.

/** A point in time, which stands without quotes where a text that looks like one needs them. */
export class Timestamp {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): string {
    return this.text
  }
}

/** Columns after which a text breaks at its next space. */
const WIDTH = 80

/**
 * The document for a value, ending in a newline.
 *
 * Objects keep the order of their keys; a `Map` is written by its sorted keys,
 * numbers in them by value.
 */
export function writeYaml(value: unknown): string {
  return isCollection(value) ? block(value, 0) : `${scalar(value, 0, 0)}\n`
}

type Collection = ReadonlyMap<string, unknown> | readonly unknown[] | Readonly<Record<string, unknown>>

function isCollection(value: unknown): value is Collection {
  return typeof value === 'object' && value !== null && !(value instanceof Timestamp)
}

function isEmpty(value: Collection): boolean {
  return Array.isArray(value) ? value.length === 0 : pairsOf(value).length === 0
}

function pairsOf(value: Collection): [string, unknown][] {
  if (!(value instanceof Map)) return Object.entries(value).filter(([, item]) => item !== undefined)
  return [...(value as ReadonlyMap<string, unknown>)].sort(([a], [b]) => compareNaturally(a, b))
}

/** The lines of a collection at a depth of `indent` spaces. */
function block(value: Collection, indent: number): string {
  const margin = ' '.repeat(indent)
  if (isEmpty(value)) return `${margin}${Array.isArray(value) ? '[]' : '{}'}\n`

  if (Array.isArray(value)) {
    // The first line of an item stands beside its dash.
    return value.map((item: unknown) => `${margin}- ${inItem(item, indent)}`).join('')
  }
  return pairsOf(value)
    .map(([key, item]) => `${margin}${keyText(key)}:${inPair(item, indent, keyText(key).length)}`)
    .join('')
}

function inItem(item: unknown, indent: number): string {
  if (!isCollection(item)) return `${scalar(item, indent, indent + 2)}\n`
  return block(item, indent + 2).slice(isEmpty(item) ? indent + 2 : indent + 2)
}

function inPair(item: unknown, indent: number, keyLength: number): string {
  if (!isCollection(item)) return ` ${scalar(item, indent, indent + keyLength + 2)}\n`
  if (isEmpty(item)) return ` ${block(item, 0)}`
  return `\n${block(item, Array.isArray(item) ? indent : indent + 2)}`
}

function keyText(key: string): string {
  return quoteLine(key, Infinity, 0, 0)
}

/** A value on the line of its key, which ends at `column`; texts of several lines go on `indent` + 2 deep. */
function scalar(value: unknown, indent: number, column: number): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Timestamp) return value.text
  if (typeof value !== 'string') return JSON.stringify(value)
  if (!value.includes('\n')) return quoteLine(value, WIDTH, indent + 2, column)
  return mayBeLiteral(value) ? literal(value, indent + 2) : doubleQuoted(value, WIDTH, indent + 2, column)
}

function quoteLine(text: string, width: number, indent: number, column: number): string {
  if (needsQuotesToStayText(text)) return doubleQuoted(text, width, indent, column)
  if (mayBePlain(text)) return fold(text, width, indent, column)
  if (maySingleQuote(text)) return `'${fold(text.replaceAll("'", "''"), width, indent, column + 1)}'`
  return doubleQuoted(text, width, indent, column)
}

/** Whether a reader would take the bare text for a number, a truth value, a null or a time. */
function needsQuotesToStayText(text: string): boolean {
  return (
    /^(?:|~|null|Null|NULL)$/.test(text) ||
    /^(?:[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/.test(text) ||
    /^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text) ||
    isNumber(text) ||
    isTime(text)
  )
}

function isNumber(text: string): boolean {
  if (!/^[-+.\d]/.test(text)) return false
  const digits = text.replaceAll('_', '')
  return (
    // Whole numbers, with the prefixes of their base; a leading zero is octal.
    /^[-+]?(?:0|[1-9]\d*|0[0-7]+|0o[0-7]+|0x[\da-f]+|0b[01]+)$/i.test(digits) ||
    (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(digits) && Number.isFinite(Number(digits))) ||
    // Sexagesimal, as YAML 1.1 reads 12:30.
    /^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/.test(text)
  )
}

function isTime(text: string): boolean {
  const match =
    /^\d{4}-(\d{1,2})-(\d{1,2})(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[-+]\d\d:\d\d))| (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?)?$/.exec(
      text,
    )
  if (match === null) return false
  const [, month, day, hour = match[6], minute = match[7], second = match[8]] = match.map((part) => part)
  return (
    within(month, 1, 12) && within(day, 1, 31) && within(hour, 0, 23) && within(minute, 0, 59) && within(second, 0, 59)
  )
}

function within(text: string | undefined, least: number, most: number): boolean {
  return text === undefined || (Number(text) >= least && Number(text) <= most)
}

const UNPRINTABLE =
  // oxlint-disable-next-line no-control-regex -- these are what YAML cannot show as they are
  /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]/

function mayBePlain(text: string): boolean {
  return (
    !UNPRINTABLE.test(text) &&
    !text.includes('\n') &&
    !/^ | $/.test(text) &&
    !/^(?:---|\.\.\.)/.test(text) &&
    !/^[#,[\]{}&*!|>'"%@`]/.test(text) &&
    !/^[-?:](?: |$)/.test(text) &&
    !/:(?: |$)| #/.test(text)
  )
}

function maySingleQuote(text: string): boolean {
  return !UNPRINTABLE.test(text) && !/ \n|\n /.test(text)
}

function mayBeLiteral(text: string): boolean {
  return !UNPRINTABLE.test(text) && !/ $| \n/.test(text)
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? '2' : ''
  const keep = !text.endsWith('\n') ? '-' : /(?:^|\n)\n$/.test(text) ? '+' : ''
  const lines = text.replace(/\n$/, '').split('\n')
  return [`|${hint}${keep}`, ...lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line))].join('\n')
}

/** Breaks a text at single spaces that lie beyond the width; the space becomes the line's end. */
function fold(text: string, width: number, indent: number, column: number): string {
  if (column + text.length <= width) return text

  let folded = ''
  let at = column
  for (let i = 0; i < text.length; i++) {
    const single = text[i] === ' ' && i > 0 && i < text.length - 1 && text[i - 1] !== ' ' && text[i + 1] !== ' '
    if (single && at > width) {
      folded += `\n${' '.repeat(indent)}`
      at = indent
    } else {
      folded += text[i]
      at++
    }
  }
  return folded
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\xa0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

function doubleQuoted(text: string, width: number, indent: number, column: number): string {
  let quoted = '"'
  let at = column + 1
  let afterSpace = false
  const letters = Array.from(text)
  for (const [i, letter] of letters.entries()) {
    if (letter === ' ' && !afterSpace && at > width && i > 0 && i < letters.length - 1) {
      quoted += `\n${' '.repeat(indent)}${letters[i + 1] === ' ' ? '\\' : ''}`
      at = indent
      afterSpace = true
      continue
    }
    const written = escape(letter)
    quoted += written
    at += written.length
    afterSpace = letter === ' '
  }
  return `${quoted}"`
}

function escape(letter: string): string {
  const known = ESCAPES[letter]
  if (known !== undefined) return known
  if (!UNPRINTABLE.test(letter)) return letter
  const code = letter.codePointAt(0)!
  if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
  const digits = code.toString(16).toUpperCase()
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`
}

/** Orders `eth2` before `eth10`, and anything else before letters. */
export function compareNaturally(a: string, b: string): number {
  const as = Array.from(a)
  const bs = Array.from(b)
  for (let i = 0; i < as.length && i < bs.length; i++) {
    if (as[i] === bs[i]) continue
    const aLetter = /\p{L}/u.test(as[i]!)
    const bLetter = /\p{L}/u.test(bs[i]!)
    if (aLetter && bLetter) return as[i]! < bs[i]! ? -1 : 1
    if (aLetter || bLetter) return aLetter ? 1 : -1
    return compareNumbers(as, bs, i)
  }
  return as.length - bs.length
}

/** Compares at the first difference, `i`, where numbers may stand or have begun. */
function compareNumbers(as: readonly string[], bs: readonly string[], i: number): number {
  const isDigit = (letter: string | undefined): boolean => letter !== undefined && letter >= '0' && letter <= '9'
  // After digits a zero counts: "10" and "1" differ there by what stood before.
  const begun = isDigit(as[i - 1]) ? '1' : ''
  const runOf = (letters: readonly string[]): string => {
    let end = i
    while (isDigit(letters[end])) end++
    return letters.slice(i, end).join('')
  }
  const an = runOf(as)
  const bn = runOf(bs)
  if (Number(begun + an) !== Number(begun + bn)) return Number(begun + an) - Number(begun + bn)
  return an.length === bn.length ? (as[i]! < bs[i]! ? -1 : 1) : an.length - bn.length
}
