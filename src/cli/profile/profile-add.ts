import { getInstance, updateInstance } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'

export const profileAdd = command({
  name: 'profile add',
  usage: '[<remote>:]<instance> <profile>',
  doc: 'Add profiles to instances',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'instance name')
    const profile = args[1]!

    const { instance, etag } = await getInstance(connection, name)
    const profiles = [...(instance.profiles ?? []), profile]
    await waitOperation(connection, await updateInstance(connection, name, { ...instance, profiles }, etag))
    if (!globals.quiet) at.print(`Profile ${profile} added to ${name}\n`)
  },
})
