import { badRequest } from '#base/failure.ts'

import { command, type Command } from '../command.ts'
import { splitPair } from '../pairs.ts'
import type { DeviceOwner } from './owner.ts'

/** `config device add` or `profile device add`. */
export function deviceAdd({ word, noun, open }: DeviceOwner): Command {
  const line = `lxc ${word} device add [<remote>:]${noun}1 <device-name> disk`
  return command({
    name: `${word} device add`,
    usage: `[<remote>:]<${noun}> <device> <type> [key=value...]`,
    doc: 'Add instance devices',
    examples: [
      {
        command: `${line} source=/share/c1 path=/opt`,
        doc: "Will mount the host's /share/c1 onto /opt in the instance.",
      },
      {
        command: `${line} pool=some-pool source=some-volume path=/opt`,
        doc: 'Will mount the some-volume volume on some-pool onto /opt in the instance.',
      },
    ],
    flags: {},
    args: [3, Infinity],
    async run({ args, globals, remotes, at }) {
      const { connection, name } = remotes.named(args[0]!, `${noun} name`)
      const [, device = '', type = '', ...pairs] = args
      const settings = Object.fromEntries(pairs.map((pair) => splitPair(pair, 'No value found in ', true)))

      const owned = await open(connection, name)
      if (Object.hasOwn(owned.devices, device)) throw badRequest('The device already exists')
      await owned.save({ ...owned.devices, [device]: { ...settings, type } })
      if (!globals.quiet) at.print(`Device ${device} added to ${name}\n`)
    },
  })
}
