import { badRequest } from '#base/failure.ts'

import { textFlag } from './command.ts'
import { printable } from './printable.ts'

/** The forms a list can be printed in. */
export const formats = ['csv', 'json', 'table', 'yaml', 'compact'] as const
export type Format = (typeof formats)[number]

/** The flag every list takes. */
export const formatFlag = textFlag('Format (csv|json|table|yaml|compact)', { short: 'f', default: 'table' })

/** A list: what people see as rows, and what programs get as data. */
export interface Listing {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What `json` and `yaml` print. */
  readonly raw: unknown
}

/** The text of a list in one of the {@link formats}. Throws for any other. */
export async function renderList(format: string, { header, rows, raw }: Listing): Promise<string> {
  switch (format) {
    case 'table':
      return renderTable(header, rows)
    case 'compact':
      return renderCompact(header, rows)
    case 'csv':
      return renderCsv(rows)
    case 'json': {
      const { writeJson } = await import('./json.ts')
      return `${writeJson(raw)}\n`
    }
    case 'yaml': {
      const { writeYaml } = await import('./yaml.ts')
      return writeYaml(raw)
    }
    default:
      throw badRequest(`Invalid format "${format}"`)
  }
}

/** A table with lines around its cells. A cell may have several lines. */
export function renderTable(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = printableCells(given)
  const widths = columnWidths(header, rows)
  const line = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+\n`
  const show = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`

  const head = show(header.map((cell, column) => centre(cell, widths[column]!)))
  const body = rows.map((row) => cellLines(row, widths).map(show).join('') + line)
  return line + head + line + body.join('')
}

/** A table without lines. */
export function renderCompact(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = printableCells(given)
  const widths = columnWidths(header, rows)
  const show = (cells: readonly string[]): string => `  ${cells.join('  ')}  \n`

  const head = show(header.map((cell, column) => centre(cell, widths[column]!)))
  return head + rows.flatMap((row) => cellLines(row, widths).map(show)).join('')
}

/** Rows as comma-separated values (RFC 4180), each cell quoted where it has to be. */
export function renderCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\n`).join('')
}

/** Tables are for people at terminals; what is in their cells may be a stranger's. */
function printableCells(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return rows.map((row) => row.map(printable))
}

function csvCell(text: string): string {
  const quote = text === '\\.' || /[",\r\n]/.test(text) || /^[\s]/u.test(text)
  return quote ? `"${text.replaceAll('"', '""')}"` : text
}

function columnWidths(header: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return header.map((title, column) => {
    let width = textWidth(title)
    for (const row of rows) {
      for (const line of (row[column] ?? '').split('\n')) width = Math.max(width, textWidth(line))
    }
    return width
  })
}

function cellLines(row: readonly string[], widths: readonly number[]): string[][] {
  const cells = row.map((cell) => cell.split('\n'))
  const height = Math.max(...cells.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    widths.map((width, column) => {
      const text = cells[column]?.[line] ?? ''
      return text + ' '.repeat(width - textWidth(text))
    }),
  )
}

function centre(text: string, width: number): string {
  const gap = width - textWidth(text)
  const left = Math.floor(gap / 2)
  return ' '.repeat(left) + text + ' '.repeat(gap - left)
}

const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
const NARROW = /^[\x20-\x7e]*$/

/** Columns a terminal needs for a text. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length
  let width = 0
  for (const letter of text) {
    if (/\p{Mn}|\p{Me}|\p{Cc}|\p{Cf}/u.test(letter)) continue
    width += WIDE.test(letter) ? 2 : 1
  }
  return width
}
