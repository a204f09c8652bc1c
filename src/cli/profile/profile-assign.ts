import { getInstance, updateInstance } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'

export const profileAssign = command({
  name: 'profile assign',
  aliases: ['apply'],
  usage: '[<remote>:]<instance> <profiles>',
  doc: 'Assign sets of profiles to instances',
  examples: [
    { command: 'lxc profile assign foo default,bar', doc: 'Set the profiles for "foo" to "default" and "bar".' },
    { command: 'lxc profile assign foo default', doc: 'Reset "foo" to only using the "default" profile.' },
    { command: "lxc profile assign foo ''", doc: 'Remove all profile from "foo"' },
  ],
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'instance name')
    const list = args[1]!

    const { instance, etag } = await getInstance(connection, name)
    const profiles = list === '' ? [] : list.split(',')
    await waitOperation(connection, await updateInstance(connection, name, { ...instance, profiles }, etag))
    if (!globals.quiet) at.print(`Profiles ${list || '(none)'} applied to ${name}\n`)
  },
})
