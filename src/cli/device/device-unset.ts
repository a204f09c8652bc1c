import { command, type Command } from '../command.ts'
import { applyPairs } from '../pairs.ts'
import { findDevice } from './find-device.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device unset` or `profile device unset`. */
export function deviceUnset({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device unset`,
    usage: `[<remote>:]<${noun}> <device> <key>`,
    doc: 'Unset device configuration keys',
    flags: {},
    args: [3, 3],
    async run({ args, remotes }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const [, device = '', key = ''] = args

      const owned = await open(connection, name)
      const settings = findDevice(owned, device, 'modified')
      await owned.save({ ...owned.devices, [device]: applyPairs(settings, { [key]: '' }) })
    },
  })
}
