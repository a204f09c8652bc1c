import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { OidcSession, type OidcTokens } from '#client/oidc.ts'

import { readFileIn } from './credentials.ts'
import { printableLine } from './printable.ts'
import { isSafeRemoteName } from './remote-url.ts'
import { replaceFile } from './write-client-config.ts'

/** A user's session with a remote, kept among the client's files. `tell` shows what the user is asked to do. */
export function oidcSession(directory: string, remote: string, tell: (text: string) => void): OidcSession {
  return new OidcSession({
    load: () => readTokens(directory, remote),
    save: (tokens) => {
      if (!isSafeRemoteName(remote)) return
      mkdirSync(join(directory, 'oidctokens'), { recursive: true, mode: 0o700 })
      replaceFile(join(directory, fileOf(remote)), `${JSON.stringify(tokens)}\n`)
    },
    ask: ({ url, code }) => tell(`URL: ${printableLine(url)}\nCode: ${printableLine(code)}\n\n`),
  })
}

/** Forgets the session with a remote that is no more. */
export function forgetTokens(directory: string, remote: string): void {
  if (isSafeRemoteName(remote)) rmSync(join(directory, fileOf(remote)), { force: true })
}

/** Has the session follow a remote to its new name. */
export function renameTokens(directory: string, from: string, to: string): void {
  const text = isSafeRemoteName(from) ? readFileIn(directory, fileOf(from)) : undefined
  forgetTokens(directory, to)
  if (text !== undefined) replaceFile(join(directory, fileOf(to)), text)
  forgetTokens(directory, from)
}

function readTokens(directory: string, remote: string): OidcTokens | undefined {
  const text = isSafeRemoteName(remote) ? readFileIn(directory, fileOf(remote)) : undefined
  if (text === undefined) return undefined
  try {
    const tokens = JSON.parse(text) as Partial<OidcTokens> | null
    // What would break a header, or isn't there, is as good as nothing.
    return /^[\x21-\x7e]+$/.test(tokens?.access_token ?? '') ? (tokens as OidcTokens) : undefined
  } catch {
    return undefined
  }
}

function fileOf(remote: string): string {
  return `oidctokens/${remote}.json`
}
