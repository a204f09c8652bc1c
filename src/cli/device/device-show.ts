import { command, type Command } from '../command.ts'
import { arrange, map } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device show` or `profile device show`. */
export function deviceShow({ word, noun, open }: DeviceOwner): Command {
  return command({
    name: `${word} device show`,
    usage: `[<remote>:]<${noun}>`,
    doc: 'Show full device configuration',
    flags: {},
    args: [1, 1],
    async run({ args, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const { devices } = await open(connection, name)
      at.print(writeYaml(arrange(map(map('text')), devices)))
    },
  })
}
