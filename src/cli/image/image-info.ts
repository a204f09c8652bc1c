import type { Image } from '#client/images.ts'

import { command, switchFlag } from '../command.ts'
import { formatMegabytes, formatTime } from '../format.ts'
import { findImage } from './find-image.ts'

export const imageInfo = command({
  name: 'image info',
  usage: '[<remote>:]<image>',
  doc: 'Show useful information about images',
  flags: { vm: switchFlag('Query virtual machine images') },
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'image identifier', 'images')
    const { image } = await findImage(connection, name)
    at.print(`${describe(image).join('\n')}\n`)
  },
})

function describe(image: Image): string[] {
  const { properties, aliases, profiles, update_source: source } = image
  return [
    `Fingerprint: ${image.fingerprint}`,
    `Size: ${formatMegabytes(image.size)}`,
    `Architecture: ${image.architecture}`,
    `Type: ${image.type}`,
    `Public: ${image.public ? 'yes' : 'no'}`,
    'Timestamps:',
    ...time('Created', image.created_at),
    ...time('Uploaded', image.uploaded_at),
    ...time('Expires', image.expires_at, 'never'),
    ...time('Last used', image.last_used_at, 'never'),
    'Properties:',
    ...Object.keys(properties)
      .sort()
      .map((key) => `    ${key}: ${properties[key]!}`),
    'Aliases:',
    ...(aliases ?? []).map(({ name }) => `    - ${name}`),
    `Cached: ${image.cached ? 'yes' : 'no'}`,
    `Auto update: ${image.auto_update ? 'enabled' : 'disabled'}`,
    ...(source
      ? ['Source:', `    Server: ${source.server}`, `    Protocol: ${source.protocol}`, `    Alias: ${source.alias}`]
      : []),
    ...((profiles?.length ?? 0) === 0 ? ['Profiles: []'] : ['Profiles:', ...profiles!.map((name) => `    - ${name}`)]),
  ]
}

function time(what: string, value: string, otherwise?: string): string[] {
  const shown = formatTime(value) || otherwise
  return shown === undefined ? [] : [`    ${what}: ${shown}`]
}
