import { badRequest, notImplemented } from '#base/failure.ts'
import { attachConsole, getConsoleLog } from '#client/console.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { passOn, readInput, send } from './terminal.ts'

/** ctrl+a, as terminals send it. */
const prefix = 0x01
const detachKey = 'q'.charCodeAt(0)

export const consoleCommand = command({
  name: 'console',
  usage: '[<remote>:]<instance>',
  doc: 'Attach to instance consoles',
  details: `This command allows you to interact with the boot console of an instance
as well as retrieve past log entries from it.`,
  flags: {
    force: switchFlag('Disconnect who is attached', { short: 'f' }),
    'show-log': switchFlag("Retrieve the instance's console log"),
    type: textFlag("Type of connection to establish: 'console' for serial console, 'vga' for SPICE graphical output", {
      short: 't',
      default: 'console',
    }),
  },
  args: [1, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'instance name')
    if (flags.type === 'vga') throw notImplemented('Containers have no console of type "vga"')
    if (flags.type !== 'console') throw badRequest(`Unknown output type "${flags.type}"`)
    if (flags['show-log']) {
      at.print(`\nConsole log:\n\n${await getConsoleLog(connection, name)}\n`)
      return
    }
    if (!at.terminal.stdin) throw badRequest('inappropriate ioctl for device')

    const size = at.terminalSize()
    at.print('To detach from the console, press: <ctrl>+a q\n')
    using scope = new DisposableStack()
    const detached = Promise.withResolvers<undefined>()
    await attachConsole(
      connection,
      name,
      { width: size?.columns ?? 0, height: size?.rows ?? 0, type: flags.type, force: flags.force },
      {
        input: detachable(readInput(true, at, scope), () => detached.resolve(undefined)),
        output: (bytes) => send(at.output(), bytes),
        errors: (bytes) => send(at.errors(), bytes),
        detached: detached.promise,
        onStart: (control) => scope.use(passOn(control, true, at)),
      },
    )
    at.print('\r\n')
  },
})

/** What is typed, up to ctrl+a q. Another key after ctrl+a is sent alone, ctrl+a included. */
async function* detachable(input: AsyncIterable<Uint8Array>, detach: () => void): AsyncGenerator<Uint8Array> {
  let prefixed = false
  for await (const piece of input) {
    const bytes: number[] = []
    for (const byte of piece) {
      if (prefixed && byte === detachKey) {
        if (bytes.length > 0) yield Uint8Array.from(bytes)
        return detach()
      }
      if (!prefixed && byte === prefix) {
        prefixed = true
        continue
      }
      bytes.push(byte)
      prefixed = false
    }
    if (bytes.length > 0) yield Uint8Array.from(bytes)
  }
}
