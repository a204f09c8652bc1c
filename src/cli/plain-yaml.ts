/** A mapping of words, or of mappings of words. */
export interface PlainMapping {
  [key: string]: string | boolean | PlainMapping
}

/**
 * Reads the part of YAML that programs write for small settings: mappings by
 * indentation whose values are plain words, true or false, or `{}`.
 *
 * Gives undefined for anything else, even where it is valid: that is for a
 * real parser.
 */
export function readPlainYaml(text: string): PlainMapping | undefined {
  const root: PlainMapping = {}
  const open: { readonly indent: number; readonly mapping: PlainMapping }[] = [{ indent: 0, mapping: root }]
  let deeper: PlainMapping | undefined

  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, spaces = '', key, value] = /^( *)([A-Za-z][\w.-]*):(?: (.+))?$/.exec(line) ?? []
    if (key === undefined) return undefined

    const indent = spaces.length
    if (deeper !== undefined && indent > open.at(-1)!.indent) open.push({ indent, mapping: deeper })
    else if (deeper !== undefined) return undefined
    while (indent < open.at(-1)!.indent) open.pop()
    const { indent: expected, mapping } = open.at(-1)!
    if (indent !== expected || Object.hasOwn(mapping, key)) return undefined

    deeper = value === undefined ? {} : undefined
    const read = deeper ?? readValue(value!)
    if (read === undefined) return undefined
    mapping[key] = read
  }
  return deeper === undefined ? root : undefined
}

function readValue(text: string): string | boolean | PlainMapping | undefined {
  if (text === '{}') return {}
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === '""') return ''
  // No word that YAML could take for a number, a null or a date, no quotes, no comments.
  const plain = /^[A-Za-z](?:[\w./@%+-]|:(?!$| ))*(?: [\w./@%+-]+)*$/.test(text)
  return plain && !/^(?:null|yes|no|on|off|y|n|true|false)$/i.test(text) ? text : undefined
}
