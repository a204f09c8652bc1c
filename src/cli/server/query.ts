import { badRequest } from '#base/failure.ts'
import { readText } from '#client/connection.ts'
import { waitOperation, type Operation } from '#client/operations.ts'

import { command, switchFlag, textFlag } from '../command.ts'

export const query = command({
  name: 'query',
  usage: '[<remote>:]<API path>',
  doc: 'Send a raw query to LXD',
  examples: [{ command: 'lxc query -X DELETE --wait /1.0/instances/c1', doc: 'Delete local instance "c1".' }],
  flags: {
    data: textFlag('Input data', { short: 'd' }),
    raw: switchFlag('Print the raw response'),
    request: textFlag('Action (defaults to GET)', { short: 'X', default: 'GET' }),
    wait: switchFlag('Wait for the operation to complete'),
  },
  args: [1, 1],
  async run({ args, flags, globals, remotes, at }) {
    if (globals.project !== '') throw badRequest('--project cannot be used with the query command')
    const text = args[0]!
    // A path with a colon in it is no remote.
    const { connection, name } = text.startsWith('/')
      ? { connection: remotes.connect(remotes.default), name: text }
      : remotes.at(text)
    if (!name.startsWith('/')) throw badRequest('Query path must start with /')

    const method = flags.request.toUpperCase()
    const body = flags.data === '' ? undefined : flags.data
    const headers = isJson(body) ? { 'Content-Type': 'application/json' } : undefined

    if (flags.raw) {
      await using reply = await connection.open(method, name, body, headers === undefined ? {} : { headers })
      at.print(`${indented(await readText(reply.body))}\n`)
      return
    }

    const reply = await connection.send<unknown>(method, name, body, headers === undefined ? {} : { headers })
    const waits = flags.wait && reply.operation !== undefined
    const metadata = waits ? await waitOperation(connection, reply.metadata as Operation) : reply.metadata
    if (metadata === undefined || metadata === null || isEmptyObject(metadata)) return
    at.print(`${JSON.stringify(sortKeys(metadata), undefined, '\t')}\n\n`)
  },
})

function isJson(text: string | undefined): boolean {
  if (text === undefined) return false
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, '\t') + (text.endsWith('\n') ? '\n' : '')
  } catch {
    return text
  }
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0 && !Array.isArray(value)
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(pairs.map(([key, item]) => [key, sortKeys(item)]))
}
