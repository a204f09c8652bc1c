import { badRequest, Failure } from '#base/failure.ts'
import { command, textFlag } from '../command.ts'
import { localDaemon } from './local.ts'

/** What a check of the log finds. */
export interface AuditVerdict {
  readonly lines: number
  readonly first: number
  readonly last: number
  readonly hash: string
  readonly broken: string | undefined
  readonly notes: readonly string[]
}

/** Checks the log; `ask` is how to get from a running daemon what it says of it. */
export type VerifyAudit = (options: {
  readonly files: readonly string[]
  readonly expected: { readonly sequence: number; readonly hash: string } | undefined
  readonly ask: () => Promise<unknown>
}) => Promise<AuditVerdict>

export function auditVerify(verify: VerifyAudit) {
  return command({
    name: 'audit verify',
    usage: '[<file>...]',
    doc: 'Check that the audit log is as it was written',
    details: `Reads all of the log, which is in the directory "audit" of LXD_DIR, and compares
it with what the daemon's database says of it: no line may be changed, missing or
added. With files, these are checked as a part of a log, oldest first: copies that
were taken, say.

Whoever notes the number and the hash of the last line elsewhere can have them
compared later. The exit code is 1 where something is wrong, and the first line
that is wrong is named.`,
    flags: { expect: textFlag('A line that was noted elsewhere, as NUMBER:HASH') },
    args: [0, Number.MAX_SAFE_INTEGER],
    async run(call) {
      const { args, flags, at } = call
      const ask = () => localDaemon(call).get('/internal/audit')
      const verdict = await verify({ files: args, expected: readExpected(flags.expect), ask })
      for (const note of verdict.notes) at.print(`Note: ${note}\n`)
      if (verdict.broken !== undefined) {
        const upTo = verdict.lines === 0 ? '' : `; up to number ${verdict.last} it is`
        throw new Failure('conflict', `The audit log is not as it was written: ${verdict.broken}${upTo}`)
      }
      at.print(
        `The audit log is as it was written: ${verdict.lines} lines, the last is ${verdict.last}:${verdict.hash}\n`,
      )
    },
  })
}

function readExpected(text: string): { sequence: number; hash: string } | undefined {
  if (text === '') return undefined
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text)
  if (!match) throw badRequest(`Invalid "--expect" "${text}": expected NUMBER:HASH, as this command prints them`)
  return { sequence: Number(match[1]), hash: match[2]! }
}
