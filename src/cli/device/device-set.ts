import { command, type Command } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'
import { findDevice } from './find-device.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device set` or `profile device set`. */
export function deviceSet({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device set`,
    usage: `[<remote>:]<${noun}> <device> <key>=<value>...`,
    doc: 'Set device configuration keys',
    details: `A single key may also be set with:
    lxc ${word} device set [<remote>:]<${noun}> <device> <key> <value>`,
    flags: {},
    args: [3, Infinity],
    async run({ args, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const device = args[1]!
      const pairs = readPairs(args.slice(2), at)

      const owned = await open(connection, name)
      const settings = findDevice(owned, device, 'modified')
      await owned.save({ ...owned.devices, [device]: applyPairs(settings, pairs) })
    },
  })
}
