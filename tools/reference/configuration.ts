import type { Key, Keys } from '#config/key.ts'
import { serverKeys } from '#config/server-keys.ts'
import { deviceKinds } from '#devices/all.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { networkTypes } from '#networks/types/all.ts'
import { projectKeys } from '#projects/project-keys.ts'
import { storageDrivers } from '#storage/drivers/all.ts'
import { page, table } from './markdown.ts'

/** Every configuration key, by what it belongs to. */
export function configurationReference(): string {
  // Declarations are read, nothing is called: the parts of a running daemon are not there.
  const kinds = deviceKinds({} as Parameters<typeof deviceKinds>[0])
  const drivers = storageDrivers({} as Parameters<typeof storageDrivers>[0])
  return page(
    'Configuration keys',
    `Every key that has an effect. Any other is refused with a message that names the nearest known one. A \`*\` stands
for a name of your own. "Live" keys take effect at once, the others at the next start. The class of risk says which
\`restricted.*\` key of a project opens it there; keys without a class are refused in restricted projects.`,
    [
      section('Server', serverKeys),
      section('Projects', projectKeys),
      section('Instances and profiles', instanceKeys),
      ...kinds.map(({ kind, doc, keys }) => section(`Device \`${kind}\``, keys, doc)),
      ...networkTypes.map(({ type, doc, keys }) => section(`Network \`${type}\``, keys, doc)),
      ...drivers.flatMap(({ name, doc, poolKeys, volumeKeys }) => [
        section(`Storage pool \`${name}\``, poolKeys, doc),
        section(`Volumes of a pool \`${name}\``, volumeKeys),
      ]),
    ],
  )
}

function section(title: string, keys: Keys, doc = ''): string {
  const rows = Object.entries(keys)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, key]) => [`\`${name}\``, typeOf(key), defaultOf(key), key.live ? 'yes' : '', key.risk ?? '', key.doc])
  if (rows.length === 0) return [`## ${title}`, ...(doc === '' ? [] : [doc]), 'No keys.'].join('\n\n')
  const head = ['Key', 'Type', 'Default', 'Live', 'Risk', 'What it does']
  return [`## ${title}`, ...(doc === '' ? [] : [doc]), table(head, rows)].join('\n\n')
}

function typeOf(key: Key): string {
  return key.choices.length === 0 ? key.type : key.choices.map((choice) => `\`${choice}\``).join(', ')
}

function defaultOf(key: Key): string {
  return key.default === undefined ? '' : `\`${key.default}\``
}
