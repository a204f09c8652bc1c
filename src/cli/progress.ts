import type { Operation } from '#client/operations.ts'

import type { GlobalValues } from './command.ts'
import { printableLine } from './printable.ts'
import type { Surroundings } from './surroundings.ts'

/** Shows how far something is, on one line of the terminal that is gone when it is done. */
export interface Progress extends Disposable {
  /** To be told of an operation's updates; undefined where nobody would see it. */
  readonly onUpdate: ((operation: Operation) => void) | undefined
  readonly show: (text: string) => void
}

/** `label` stands before what the operation tells. Nothing is shown where output is no terminal, or with `--quiet`. */
export function startProgress(label: string, globals: GlobalValues, at: Surroundings): Progress {
  if (globals.quiet || !at.terminal.stdout) return { onUpdate: undefined, show: () => {}, [Symbol.dispose]: () => {} }

  let width = 0
  const show = (text: string): void => {
    const line = printableLine(`${label}${text}`).slice(0, at.terminalSize()?.columns ?? 80)
    at.print(Buffer.from(`\r${line.padEnd(width)}`))
    width = line.length
  }
  return {
    show,
    onUpdate: (operation) => {
      for (const [key, value] of Object.entries(operation.metadata ?? {})) {
        if (key.endsWith('_progress') && typeof value === 'string') show(value)
      }
    },
    [Symbol.dispose]: () => {
      if (width > 0) at.print(Buffer.from(`\r${' '.repeat(width)}\r`))
    },
  }
}
