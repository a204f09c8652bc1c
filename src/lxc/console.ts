import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { ReadStream } from 'node:tty'
import { launch } from '#host/launch.ts'
import {
  makeTerminalRaw,
  openTerminal,
  postprocesses,
  resizeTerminal,
  signalFirstThread,
} from '#host/syscalls-process.ts'
import { unlessGone, untilHangUp } from './attach.ts'
import type { ExecProcess } from './runtime.ts'

const sigwinch = 28

/**
 * Connects to the console of a running container by lxc-console(1), on a terminal whose other end is the streams. There
 * is no key that ends it from within: any signal does.
 */
export async function connectConsole(
  name: string,
  lxcpath: string,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<ExecProcess> {
  const { master, slave } = openTerminal()
  resizeTerminal(master, width, height)
  const input = new ReadStream(master)
  // What the program says of itself is not the console's.
  const nothing = openSync('/dev/null', 'w')
  try {
    const args = ['--ctty', 'lxc-console', '-n', name, '-P', lxcpath, '-t', '0', '-e', '-1', '-q']
    const { pid, exit } = await launch('setsid', args, {
      descriptors: [slave, slave, nothing],
      cwd: '/',
      session: false,
    })
    let ended = false
    void exit.then(() => (ended = true))
    // It has line breaks changed here, as the console inside has done already.
    while (!ended && !postprocesses(master)) await delay(1)
    if (!ended) makeTerminalRaw(master)
    const end = () => {
      if (!ended) unlessGone(() => process.kill(pid, 'SIGKILL'))
    }
    return {
      stdin: input,
      stdout: untilHangUp(input),
      stderr: undefined,
      exit,
      resize(columns, rows) {
        if (ended || input.destroyed) return
        resizeTerminal(master, columns, rows)
        unlessGone(() => signalFirstThread(pid, sigwinch))
      },
      signal: end,
      kill: end,
    }
  } catch (error) {
    input.destroy()
    throw error
  } finally {
    closeSync(slave)
    closeSync(nothing)
  }
}
