import { badRequest } from '#base/failure.ts'

import { command, type Command } from '../command.ts'
import { splitPair } from '../pairs.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device override`. */
export function deviceOverride({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device override`,
    usage: `[<remote>:]<${noun}> <device> [key=value...]`,
    doc: 'Copy profile inherited devices and override configuration keys',
    flags: {},
    args: [2, Infinity],
    async run({ args, globals, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const [, device = '', ...pairs] = args

      const owned = await open(connection, name)
      if (Object.hasOwn(owned.devices, device)) throw badRequest('The device already exists')
      const inherited = Object.hasOwn(owned.inherited, device) ? owned.inherited[device] : undefined
      if (inherited === undefined) throw badRequest("The profile device doesn't exist")

      const settings = Object.fromEntries(pairs.map((pair) => splitPair(pair, 'No value found in ', true)))
      await owned.save({ ...owned.devices, [device]: { ...inherited, ...settings } })
      if (!globals.quiet) at.print(`Device ${device} overridden for ${name}\n`)
    },
  })
}
