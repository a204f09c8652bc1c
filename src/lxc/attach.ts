import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { ReadStream } from 'node:tty'
import { fileURLToPath } from 'node:url'
import { badRequest, explain } from '#base/failure.ts'
import { hostId, parseIdMap } from '#base/idmap.ts'
import type { Log } from '#base/log.ts'
import { launch } from '#host/launch.ts'
import type { Launched } from '#host/launch.ts'
import { childrenOf, findProcess, namespacePids, sendSignal } from '#host/processes.ts'
import type { ProcessId } from '#host/processes.ts'
import {
  changeOwner,
  changeTerminalOwner,
  copyDescriptor,
  holdOutput,
  makePipe,
  makeTerminalRaw,
  openTerminal,
  postprocesses,
  resizeTerminal,
  signalFirstThread,
} from '#host/syscalls-process.ts'
import type { AttachJob } from './attach-main.ts'
import type { ExecOptions, ExecProcess } from './runtime.ts'

/** The container a command is to run in. */
export interface AttachTarget {
  readonly lxcpath: string
  /** The configuration the container was started with. */
  readonly configFile: string
  readonly init: number
  readonly log: Log
}

/** The command's streams: its ends, given to it and closed here, and ours. */
interface Streams {
  readonly descriptors: readonly [number, number, number]
  /** Those of {@link descriptors} to be closed here once the command has them. */
  readonly toClose: readonly number[]
  readonly stdin: Writable | undefined
  readonly stdout: Readable | undefined
  readonly stderr: Readable | undefined
  readonly terminal: number | undefined
}

/** A user and group of the host. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

const sigkill = 9
const sigwinch = 28
/** The character device 5:2. */
const masterDevice = 0x0502
const attachMainFile = fileURLToPath(new URL('attach-main.ts', import.meta.url))

/** Runs a command in a running container, with the container's namespaces and confinement. */
export async function attach(options: ExecOptions, target: AttachTarget): Promise<ExecProcess> {
  const owner = commandOwner(target.init, options)
  const streams = openStreams(options.streams, owner)
  try {
    const cwd = sameDirectory(options.cwd)
    const program = cwd === undefined ? attachMain(options, target, streams) : attachProgram(options, target)
    // A terminal of the host controls lxc-attach, which makes the command's own in the container and joins the two.
    const [first = '', ...rest] = streams.terminal === undefined ? program : ['setsid', '--ctty', ...program]
    // setsid(1) starts the session itself.
    const session = streams.terminal === undefined
    const launched = await launch(first, rest, { descriptors: streams.descriptors, cwd: cwd ?? '/', session })
    if (streams.terminal !== undefined) {
      await prepareTerminal(launched, streams.terminal, owner).catch((error: unknown) => {
        target.log.warn('Cannot prepare the terminal of a command', { container: options.name, error: explain(error) })
      })
      holdOutput(streams.descriptors[0], false)
    }
    return toExecProcess(launched, streams)
  } catch (error) {
    for (const stream of [streams.stdin, streams.stdout, streams.stderr]) stream?.destroy()
    throw error
  } finally {
    for (const descriptor of streams.toClose) closeSync(descriptor)
  }
}

function attachProgram({ name, command, env, uid, gid }: ExecOptions, { lxcpath, configFile }: AttachTarget): string[] {
  return [
    ...['lxc-attach', '-n', name, '-P', lxcpath, '-f', configFile, '-q', '--clear-env'],
    ...['-u', String(uid), '-g', String(gid)],
    ...Object.entries(env).flatMap(([key, value]) => ['-v', `${key}=${value}`]),
    '--',
    ...command,
  ]
}

/** The same by a program of ours, which takes longer to start and knows how to set the directory. */
function attachMain(options: ExecOptions, { lxcpath, configFile }: AttachTarget, streams: Streams): string[] {
  const { name, command, env, uid, gid, cwd } = options
  const job: AttachJob = { name, command, env, uid, gid, cwd, lxcpath, configFile, terminal: !!streams.terminal }
  return [process.execPath, attachMainFile, JSON.stringify(job)]
}

/** Directories that hosts and containers both have. */
const commonDirectories = new Set(['/', '/root', '/home', '/tmp', '/var', '/etc', '/usr', '/opt', '/srv', '/mnt'])

/**
 * The directory of the host with the same name. lxc-attach changes, inside, to the directory that has the name of its
 * own current one, and has no option for another.
 */
function sameDirectory(path: string): string | undefined {
  try {
    return commonDirectories.has(path) && realpathSync(path) === path ? path : undefined
  } catch {
    return undefined
  }
}

/** The ids, on the host, of the user the command runs as: who must own its pipes to open `/dev/stdin`. */
function commandOwner(init: number, { uid, gid }: ExecOptions): Owner {
  const find = (kind: 'uid' | 'gid', id: number) => {
    // The kernel answers at once; going round by a thread would take longer.
    const found = hostId(parseIdMap(kind, readFileSync(`/proc/${init}/${kind}_map`, 'latin1')), kind, id)
    if (found === undefined) {
      throw badRequest(`Invalid ${kind === 'uid' ? 'user' : 'group'} ${id}: the instance has no such id`)
    }
    return found
  }
  return { uid: find('uid', uid), gid: find('gid', gid) }
}

function openStreams(wanted: ExecOptions['streams'], owner: Owner): Streams {
  if (wanted === 'pipes') return openPipes(owner)
  if ('output' in wanted) {
    const nothing = openSync('/dev/null', 'r')
    const descriptors = [nothing, wanted.output, wanted.errors] as const
    return {
      descriptors,
      toClose: [nothing],
      stdin: undefined,
      stdout: undefined,
      stderr: undefined,
      terminal: undefined,
    }
  }
  const { master, slave } = openTerminal()
  resizeTerminal(master, wanted.width, wanted.height)
  holdOutput(slave, true)
  const stdin = new ReadStream(master)
  const stdout = untilHangUp(stdin)
  return { descriptors: [slave, slave, slave], toClose: [slave], stdin, stdout, stderr: undefined, terminal: master }
}

/**
 * Pipes and not sockets, which is what Node makes of its own: `/dev/stdin` of the command must be a file that can be
 * opened, also by the user the command runs as.
 */
function openPipes(owner: Owner): Streams {
  const pipes = [makePipe(), makePipe(), makePipe()] as const
  for (const { read } of pipes) changeOwner(read, owner.uid, owner.gid)
  const [input, output, errors] = pipes
  const descriptors = [input.read, output.write, errors.write] as const
  return {
    descriptors,
    toClose: descriptors,
    stdin: new Socket({ fd: input.write, readable: false, writable: true }),
    stdout: new Socket({ fd: output.read, readable: true, writable: false }),
    stderr: new Socket({ fd: errors.read, readable: true, writable: false }),
    terminal: undefined,
  }
}

/** What a terminal's other end writes. The kernel says EIO once nobody has that end open any more. */
export function untilHangUp(terminal: ReadStream): Readable {
  const output = new Readable({
    read: () => terminal.resume(),
    destroy: (error, done) => {
      terminal.destroy()
      done(error)
    },
  })
  terminal.on('data', (chunk: Buffer) => {
    if (!output.push(chunk)) terminal.pause()
  })
  terminal.on('end', () => output.push(null))
  terminal.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO') output.push(null)
    else output.destroy(error)
  })
  return output
}

/**
 * Sets right what lxc-attach does to terminals, while output is held back. It has line breaks of what the command
 * writes changed on the host as well, after the container's terminal has done so; and it leaves the container's to the
 * host's root, who is nobody inside, so that its user could not open it.
 */
async function prepareTerminal({ pid, exit }: Launched, terminal: number, owner: Owner): Promise<void> {
  let ended = false
  void exit.then(() => (ended = true))
  while (!postprocesses(terminal)) {
    if (ended) return
    await delay(1)
  }
  makeTerminalRaw(terminal)
  for (const descriptor of await foreignMasters(pid)) {
    const master = copyDescriptor(pid, descriptor)
    try {
      changeTerminalOwner(master, owner.uid, owner.gid)
    } finally {
      closeSync(master)
    }
  }
}

/** Where lxc-attach has masters of terminals open that are not the host's. */
async function foreignMasters(pid: number): Promise<number[]> {
  const directory = `/proc/${pid}/fd`
  const ours = (await stat('/dev/pts/ptmx')).dev
  const files = await Promise.all(
    (await readdir(directory)).map(async (name) => ({
      name,
      found: await stat(`${directory}/${name}`).catch(() => undefined),
    })),
  )
  return files.filter(({ found }) => found?.rdev === masterDevice && found.dev !== ours).map(({ name }) => Number(name))
}

function toExecProcess({ pid, exit }: Launched, { stdin, stdout, stderr, terminal }: Streams): ExecProcess {
  let ended = false
  void exit.then(() => (ended = true))
  return {
    stdin,
    stdout,
    stderr,
    exit,
    resize(width, height) {
      if (terminal === undefined || ended || stdin?.destroyed) return
      resizeTerminal(terminal, width, height)
      // The kernel sends it too, but to any thread: those of attach-main.ts that are Node's would swallow it.
      unlessGone(() => signalFirstThread(pid, sigwinch))
    },
    signal(number) {
      const command = ended ? undefined : commandOf(pid)
      if (command) sendSignal(command, number)
    },
    kill() {
      if (ended) return
      const command = commandOf(pid)
      if (command) sendSignal(command, sigkill)
      // Without a terminal the command shares lxc-attach's process group.
      unlessGone(() => process.kill(-pid, 'SIGKILL'))
      unlessGone(() => process.kill(pid, 'SIGKILL'))
    },
  }
}

/** Does what fails where a process has ended, or has not yet made its own process group. */
export function unlessGone(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The command that an lxc-attach waits for: the child in the container's PID namespace. */
function commandOf(pid: number): ProcessId | undefined {
  const child = childrenOf(pid).find((one) => namespacePids(one).length > 1)
  return child === undefined ? undefined : findProcess(child)
}
