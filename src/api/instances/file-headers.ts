import { badRequest } from '#base/failure.ts'
import type { Request } from '../route.ts'

/** What the headers of a request say of a file to be written. What is left out stays as it is. */
export interface FileHeaders {
  readonly uid: number | undefined
  readonly gid: number | undefined
  /** Permissions. */
  readonly mode: number | undefined
  readonly type: 'file' | 'directory' | 'symlink'
  readonly write: 'overwrite' | 'append'
}

const maxId = 2 ** 32 - 2

/** Reads the `X-LXD-…` headers about a file. Throws a bad-request Failure that names the wrong one. */
export function readFileHeaders(headers: Request['headers']): FileHeaders {
  return {
    uid: readId(headers, 'X-LXD-uid'),
    gid: readId(headers, 'X-LXD-gid'),
    mode: readMode(headers),
    type: readChoice(headers, 'X-LXD-type', ['file', 'directory', 'symlink']),
    write: readChoice(headers, 'X-LXD-write', ['overwrite', 'append']),
  }
}

function readId(headers: Request['headers'], name: string): number | undefined {
  const text = headers[name.toLowerCase()]
  if (!text) return undefined
  const id = Number(text)
  if (!/^\d+$/.test(text) || id > maxId) throw badRequest(`Invalid ${name} "${text}": expected a number up to ${maxId}`)
  return id
}

/** As Go reads numbers: octal after a zero, decimal otherwise. */
function readMode(headers: Request['headers']): number | undefined {
  const text = headers['x-lxd-mode']
  if (!text) return undefined
  const octal = /^0o?([0-7]+)$/.exec(text)?.[1]
  const mode = octal === undefined ? Number(/^\d+$/.test(text) ? text : Number.NaN) : Number.parseInt(octal, 8)
  if (!(mode >= 0 && mode <= 0o7777)) throw badRequest(`Invalid X-LXD-mode "${text}": expected a mode such as 0644`)
  return mode
}

function readChoice<T extends string>(headers: Request['headers'], name: string, choices: readonly [T, ...T[]]): T {
  const text = headers[name.toLowerCase()]
  if (!text) return choices[0]
  const found = choices.find((choice) => choice === text)
  if (!found) throw badRequest(`Invalid ${name} "${text}": expected one of ${choices.join(', ')}`)
  return found
}
