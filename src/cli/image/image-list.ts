import { badRequest } from '#base/failure.ts'
import { listImages, type Image } from '#client/images.ts'

import { command, textFlag } from '../command.ts'
import { formatMegabytes, formatUploadTime } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { imageShape } from './image-shapes.ts'

const columns: Readonly<Record<string, readonly [header: string, show: (image: Image) => string]>> = {
  l: ['ALIAS', shortestAlias],
  L: ['ALIASES', (image) => aliasNames(image).join('\n')],
  f: ['FINGERPRINT', ({ fingerprint }) => fingerprint.slice(0, 12)],
  F: ['FINGERPRINT', ({ fingerprint }) => fingerprint],
  p: ['PUBLIC', ({ public: isPublic }) => (isPublic ? 'yes' : 'no')],
  d: ['DESCRIPTION', ({ properties }) => properties['description'] ?? ''],
  a: ['ARCHITECTURE', ({ architecture }) => architecture],
  s: ['SIZE', ({ size }) => formatMegabytes(size)],
  u: ['UPLOAD DATE', ({ uploaded_at }) => formatUploadTime(uploaded_at)],
  t: ['TYPE', ({ type }) => type.toUpperCase()],
}

export const imageList = command({
  name: 'image list',
  aliases: ['ls'],
  usage: '[<remote>:] [<filter>...]',
  doc: 'List images',
  details: `A filter is KEY=VALUE for a property, or a part of an alias or the beginning of
a fingerprint.

-c takes columns as a list of letters:
    l - Shortest image alias (and how many others there are)
    L - All image aliases, one a line
    f - Fingerprint, shortened
    F - Fingerprint
    p - Whether the image is public
    d - Description
    a - Architecture
    s - Size
    u - Upload date
    t - Type`,
  flags: { columns: textFlag('Columns', { short: 'c', default: 'lfpdatsu' }), format: formatFlag },
  args: [0, Infinity],
  async run({ args, flags, remotes, at }) {
    const [first, ...more] = args
    const named = first?.includes(':') && !first.includes('=') ? remotes.at(first, 'images') : undefined
    const connection = named?.connection ?? remotes.connect(remotes.default, 'images')
    const filters = named === undefined ? args : named.name === '' ? more : [named.name, ...more]

    const shown = Array.from(flags.columns.replaceAll(',', ''), (letter) => {
      const column = Object.hasOwn(columns, letter) ? columns[letter] : undefined
      if (column === undefined) throw badRequest(`Unknown column shorthand char '${letter}' in '${flags.columns}'`)
      return column
    })
    const images = (await listImages(connection)).filter((image) => filters.every((filter) => matches(image, filter)))

    const rows = images.map((image) => shown.map(([, show]) => show(image)))
    at.print(
      await renderList(flags.format, {
        header: shown.map(([header]) => header),
        rows: rows.sort(compareRows),
        raw: arrangeFor(flags.format, list(imageShape), images),
      }),
    )
  },
})

function aliasNames({ aliases }: Image): string[] {
  return (aliases ?? []).map(({ name }) => name).sort()
}

function shortestAlias(image: Image): string {
  const names = (image.aliases ?? []).map(({ name }) => name)
  const shortest = names.toSorted((a, b) => a.length - b.length)[0] ?? ''
  return names.length > 1 ? `${shortest} (${names.length - 1} more)` : shortest
}

function matches(image: Image, filter: string): boolean {
  const equals = filter.indexOf('=')
  if (equals < 0) {
    return image.fingerprint.includes(filter) || aliasNames(image).some((name) => name.includes(filter))
  }

  const key = filter.slice(0, equals)
  const value = filter.slice(equals + 1)
  if (key === 'type' || key === 'architecture') return image[key].toLowerCase() === value.toLowerCase()
  const fitting = Object.keys(image.properties).filter((property) => property === key || property.startsWith(key))
  return fitting.some((property) => matchesWhole(image.properties[property]!, value))
}

/** A text that is no regular expression matches nothing but itself. */
function matchesWhole(text: string, expression: string): boolean {
  if (text === expression) return true
  try {
    return new RegExp(`^(?:${expression})$`).test(text)
  } catch {
    return false
  }
}
