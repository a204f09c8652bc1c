import { command, type Command } from '../command.ts'
import { findDevice } from './find-device.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device remove` or `profile device remove`. */
export function deviceRemove({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device remove`,
    aliases: ['rm'],
    usage: `[<remote>:]<${noun}> <name>...`,
    doc: 'Remove instance devices',
    flags: {},
    args: [2, Infinity],
    async run({ args, globals, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const names = args.slice(1)

      const owned = await open(connection, name)
      for (const device of names) findDevice(owned, device, 'modified')
      await owned.save(Object.fromEntries(Object.entries(owned.devices).filter(([device]) => !names.includes(device))))
      if (!globals.quiet) at.print(`Device ${names.join(', ')} removed from ${name}\n`)
    },
  })
}
