import { badRequest } from '#base/failure.ts'
import { getInstance, updateInstance } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'

export const profileRemove = command({
  name: 'profile remove',
  usage: '[<remote>:]<instance> <profile>',
  doc: 'Remove profiles from instances',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'instance name')
    const profile = args[1]!

    const { instance, etag } = await getInstance(connection, name)
    const has = instance.profiles ?? []
    if (!has.includes(profile)) throw badRequest(`Profile ${profile} isn't currently applied to ${name}`)
    const profiles = has.filter((other) => other !== profile)
    await waitOperation(connection, await updateInstance(connection, name, { ...instance, profiles }, etag))
    if (!globals.quiet) at.print(`Profile ${profile} removed from ${name}\n`)
  },
})
