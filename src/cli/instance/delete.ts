import { badRequest, kindOf } from '#base/failure.ts'
import { path, type Connection } from '#client/connection.ts'
import { changeState, deleteInstance, getInstance } from '#client/instances.ts'
import { perform, waitOperation } from '#client/operations.ts'

import { command, switchFlag } from '../command.ts'

interface Wanted {
  readonly text: string
  readonly connection: Connection
  readonly instance: string
  readonly snapshot: string | undefined
}

export const deleteCommand = command({
  name: 'delete',
  aliases: ['rm'],
  usage: '[<remote>:]<instance>[/<snapshot>] [[<remote>:]<instance>[/<snapshot>]...]',
  doc: 'Delete instances and snapshots',
  flags: {
    force: switchFlag('Force the removal of running instances', { short: 'f' }),
    interactive: switchFlag('Require user confirmation', { short: 'i' }),
  },
  args: [1, Infinity],
  async run({ args, flags, remotes, at }) {
    const wanted = args.map((text): Wanted => {
      const { remote, connection, name } = remotes.at(text)
      const [instance = '', snapshot] = name.split('/', 2)
      return { text: `${remote}:${name}`, connection, instance, snapshot }
    })
    // All have to be there before any is deleted.
    for (const one of wanted) await checkExists(one)

    for (const one of wanted) {
      if (flags.interactive && !confirm(one)) throw badRequest('User aborted delete operation')
      await (one.snapshot === undefined ? remove(one, flags.force) : removeSnapshot(one, one.snapshot))
    }

    function confirm({ text }: Wanted): boolean {
      at.print(`Remove ${text} (yes/no): `)
      return /^(?:y|yes)$/i.test(at.readLine()?.trim() ?? '')
    }
  },
})

async function checkExists({ text, connection, instance, snapshot }: Wanted): Promise<void> {
  try {
    if (snapshot === undefined) await getInstance(connection, instance)
    else await connection.get(path`/1.0/instances/${instance}/snapshots/${snapshot}`)
  } catch (cause) {
    const what = snapshot === undefined ? 'instance' : 'instance snapshot'
    throw badRequest(`Failed checking ${what} exists "${text}"`, { cause })
  }
}

async function removeSnapshot({ connection, instance }: Wanted, snapshot: string): Promise<void> {
  await perform(connection, { method: 'DELETE', path: path`/1.0/instances/${instance}/snapshots/${snapshot}` })
}

async function remove({ connection, instance: name }: Wanted, force: boolean): Promise<void> {
  const { instance } = await getInstance(connection, name)

  if (!['Stopped', 'Error'].includes(instance.status)) {
    if (!force) throw badRequest('The instance is currently running, stop it first or pass --force')
    const stop = { action: 'stop', timeout: -1, force: true, stateful: false } as const
    await waitOperation(connection, await changeState(connection, name, stop))
    // An ephemeral one is gone with its last process.
    if (instance.ephemeral) return
  }

  try {
    await waitOperation(connection, await deleteInstance(connection, name))
  } catch (error) {
    if (!(instance.ephemeral && kindOf(error) === 'not-found')) throw error
  }
}
