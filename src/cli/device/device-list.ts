import { command, type Command } from '../command.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device list` or `profile device list`. */
export function deviceList({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device list`,
    aliases: ['ls'],
    usage: `[<remote>:]<${noun}>`,
    doc: 'List instance devices',
    flags: {},
    args: [1, 1],
    async run({ args, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const { devices } = await open(connection, name)
      at.print(`${Object.keys(devices).sort().join('\n')}\n`)
    },
  })
}
