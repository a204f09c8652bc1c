import { command, type Command } from '../command.ts'
import { findDevice } from './find-device.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device get` or `profile device get`. */
export function deviceGet({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device get`,
    usage: `[<remote>:]<${noun}> <device> <key>`,
    doc: 'Get values for device configuration keys',
    flags: {},
    args: [3, 3],
    async run({ args, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const device = findDevice(await open(connection, name), args[1]!, 'retrieved')
      at.print(`${device[args[2]!] ?? ''}\n`)
    },
  })
}
