import { fs } from '#client/builtins.ts'

import { printable } from './printable.ts'

/** The size of a terminal, in characters. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

/** What a command may see and touch of the process it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether each of the three standard streams is a terminal. */
  readonly terminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }
  /** Writes to standard output, at once. On a terminal a text cannot steer it, bytes are what they are. */
  readonly print: (text: string | Uint8Array) => void
  /** Writes to standard error, at once. */
  readonly warn: (text: string) => void
  /** All of standard input. */
  readonly readInput: () => Uint8Array
  /** One line of standard input, without its end; undefined where there is none left. */
  readonly readLine: () => string | undefined
  /**
   * One line of standard input that the terminal, where it is one, doesn't show; undefined where there is none left
   * or the user gave up with Ctrl-C.
   */
  readonly readSecret: () => string | undefined
  /** Standard input piece by piece. */
  readonly input: () => NodeJS.ReadStream
  /** Standard output as a stream, for what comes faster than a terminal takes it. */
  readonly output: () => NodeJS.WriteStream
  readonly errors: () => NodeJS.WriteStream
  /** The size of the terminal standard output is on, where it is on one. */
  readonly terminalSize: () => Size | undefined
  /** Calls `listener` whenever that size changes, until disposed. */
  readonly onResize: (listener: (size: Size) => void) => Disposable
  /** Calls `listener` at each of these signals, in place of what they do otherwise, until disposed. */
  readonly onSignals: (names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void) => Disposable
  /** Runs a program on this terminal and gives its exit code. */
  readonly runOnTerminal: (program: string, args: readonly string[]) => Promise<number>
}

/** The surroundings a real process has. */
export function surroundingsOf(program: NodeJS.Process, env: Surroundings['env']): Surroundings {
  return {
    env,
    terminal: {
      get stdin() {
        return isatty(0)
      },
      get stdout() {
        return isatty(1)
      },
      get stderr() {
        return isatty(2)
      },
    },
    // Programs get what a server says as it is; a terminal would do what it says.
    print: (text) => writeAll(1, typeof text === 'string' && isatty(1) ? printable(text) : text),
    warn: (text) => writeAll(2, isatty(2) ? printable(text) : text),
    readInput: readAll,
    readLine,
    readSecret: () => readSecret(program.stdin),
    input: () => program.stdin,
    output: () => program.stdout,
    errors: () => program.stderr,
    terminalSize: () => sizeOf(program.stdout),
    onResize(listener) {
      const tell = (): void => {
        const size = sizeOf(program.stdout)
        if (size !== undefined) listener(size)
      }
      program.stdout.on('resize', tell)
      return { [Symbol.dispose]: () => void program.stdout.off('resize', tell) }
    },
    onSignals(names, listener) {
      for (const name of names) program.on(name, listener)
      return {
        [Symbol.dispose]: () => {
          for (const name of names) program.off(name, listener)
        },
      }
    },
    async runOnTerminal(program, args) {
      const { spawn } = await import('node:child_process')
      return await new Promise((resolve, reject) => {
        const child = spawn(program, args, { stdio: 'inherit' })
        child.on('error', reject)
        child.on('exit', (code) => resolve(code ?? 1))
      })
    },
  }
}

function sizeOf(output: NodeJS.WriteStream): Size | undefined {
  return output.isTTY ? { columns: output.columns, rows: output.rows } : undefined
}

function isatty(descriptor: number): boolean {
  return process.getBuiltinModule('node:tty').isatty(descriptor)
}

/** Writes all of it, though the other side may be a pipe that is full for now. */
function writeAll(descriptor: number, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(descriptor, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      pause()
    }
  }
}

function readAll(): Uint8Array {
  const pieces: Uint8Array[] = []
  for (let piece = readPiece(64 * 1024); piece.length > 0; piece = readPiece(64 * 1024)) pieces.push(piece)
  return Buffer.concat(pieces)
}

function readLine(): string | undefined {
  const bytes: number[] = []
  for (;;) {
    // One byte at a time: what follows the line is for whoever reads next.
    const [byte] = readPiece(1)
    if (byte === undefined && bytes.length === 0) return undefined
    if (byte === undefined || byte === 0x0a) return Buffer.from(bytes).toString()
    bytes.push(byte)
  }
}

function readSecret(input: NodeJS.ReadStream): string | undefined {
  if (!isatty(0)) return readLine()
  input.setRawMode(true)
  try {
    return editUnseen()
  } finally {
    input.setRawMode(false)
    writeAll(2, '\n')
  }
}

/** Reads a line from a terminal in raw mode, with the keys that lines are edited with. */
function editUnseen(): string | undefined {
  let bytes: number[] = []
  for (;;) {
    const [byte] = readPiece(1)
    if (byte === undefined || byte === keys.interrupt) return undefined
    if (byte === keys.endOfFile && bytes.length === 0) return undefined
    if (byte === keys.enter || byte === keys.newline) return Buffer.from(bytes).toString()
    if (byte === keys.erase || byte === keys.backspace) bytes.pop()
    else if (byte === keys.kill) bytes = []
    else if (byte >= 0x20) bytes.push(byte)
  }
}

/** What a terminal in raw mode sends for keys, see termios(3). */
const keys = { interrupt: 3, endOfFile: 4, backspace: 8, newline: 10, enter: 13, kill: 21, erase: 127 } as const

function readPiece(size: number): Uint8Array {
  const piece = new Uint8Array(size)
  for (;;) {
    try {
      return piece.subarray(0, fs.readSync(0, piece))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return piece.subarray(0, 0)
      if (code !== 'EAGAIN') throw error
      pause()
    }
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}
