import type { ExecControl } from '#client/exec.ts'

import type { Surroundings } from '../surroundings.ts'

/** Signals that are passed on to the command, by their Linux numbers. */
const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
} as const satisfies Partial<Record<NodeJS.Signals, number>>

/** Standard input; on a terminal every key goes to the command as it is pressed, until `scope` ends. */
export function readInput(interactive: boolean, at: Surroundings, scope: DisposableStack): AsyncIterable<Uint8Array> {
  const input = at.input()
  if (interactive && at.terminal.stdin) {
    input.setRawMode(true)
    // Node leaves the terminal to put a carriage return before each line feed,
    // as if what comes did not come from a terminal already. Where there is no
    // stty to tell it otherwise, lines still look right.
    void at.runOnTerminal('stty', ['-opost']).catch(() => {})
    scope.defer(() => void input.setRawMode(false))
  }
  return input
}

/** Passes signals and the size of the window on to a session. */
export function passOn(control: ExecControl, interactive: boolean, at: Surroundings): Disposable {
  const scope = new DisposableStack()
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]
  scope.use(at.onSignals(names, (name) => control.signal(SIGNALS[name as keyof typeof SIGNALS])))
  if (interactive && at.terminal.stdout) {
    scope.use(at.onResize(({ columns, rows }) => control.resize(columns, rows)))
  }
  return scope
}

/** Writes, and waits where the other side is full. */
export async function send(to: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  if (!to.write(bytes)) await new Promise<void>((resolve) => void to.once('drain', resolve))
}
