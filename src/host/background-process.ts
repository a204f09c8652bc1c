import { spawn } from 'node:child_process'
import { closeSync, createReadStream, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { searchPath } from './run.ts'
import { makePipe } from './syscalls-process.ts'

/** A program of ours that runs beside the daemon. */
export interface BackgroundProgram {
  /** An argument that no other process of the host is started with: how it is found again. It is its first. */
  readonly mark: string
  /** The file of the program, a module for Node. */
  readonly main: string
  /** What it is to do, which it gets as JSON in its second argument. */
  readonly request: object
  /** What it gets as 3 and on. */
  readonly descriptors: readonly number[]
  /** The capabilities it starts with, named as in capabilities(7), in lower case and without `cap_`. */
  readonly capabilities: readonly string[]
}

/** Programs of ours that run on when this process ends. */
export interface BackgroundPrograms {
  /** Resolves once the program says `ready` on its standard output. Throws with what it says instead. */
  start(program: BackgroundProgram): Promise<void>
  /** Kills what was started with this mark, and waits until it is gone. No failure where nothing was. */
  stop(mark: string): Promise<void>
  /** Kills what has a mark that is a path in `directory` and none of these, which a crash left behind. */
  sweep(directory: string, known: ReadonlySet<string>): Promise<void>
}

const patience = 20_000

/** Programs of ours among the processes of the host. */
export const hostBackgroundPrograms: BackgroundPrograms = {
  async start({ mark, main, request, descriptors, capabilities }) {
    const pipe = makePipe()
    const said = createReadStream('', { fd: pipe.read })
    const node = [process.execPath, '--no-warnings', '--disable-sigusr1', '--max-old-space-size=64', main]
    const bounding = `--bounding-set=-all${capabilities.map((name) => `,+${name}`).join('')}`
    const child = spawn('setpriv', ['--no-new-privs', bounding, ...node, mark, JSON.stringify(request)], {
      cwd: '/',
      env: { PATH: searchPath, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', pipe.write, pipe.write, ...descriptors],
      detached: true,
    })
    child.unref()
    closeSync(pipe.write)
    const failed = new Promise<string>((resolve) => child.on('error', (error) => resolve(error.message)))
    const timer = setTimeout(() => child.kill('SIGKILL'), patience)
    try {
      const answer = await Promise.race([readAnswer(said), failed])
      if (answer !== ready) throw new Error(answer.trim() || 'It ended at once')
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(timer)
      said.destroy()
    }
  },

  stop: (mark) => stopAll((one) => one === mark),
  sweep: (directory, known) => stopAll((one) => one.startsWith(`${directory}/`) && !known.has(one)),
}

const ready = 'ready\n'

/** What a program says until it is ready, or until its end. */
async function readAnswer(said: AsyncIterable<Buffer>): Promise<string> {
  let answer = ''
  for await (const chunk of said) {
    answer = `${answer}${chunk.toString()}`.slice(-2000)
    if (answer === ready) break
  }
  return answer
}

/** Processes that have not ended and whose mark is one of those looked for. */
function find(isWanted: (mark: string) => boolean): number[] {
  const own = pidNamespace('self')
  return readdirSync('/proc').flatMap((entry) => {
    // One in a container has nothing to say here, and could hold up whoever reads its arguments.
    if (!/^\d+$/.test(entry) || pidNamespace(entry) !== own) return []
    const args = readText(`/proc/${entry}/cmdline`).split('\0')
    const mark = args[args.findIndex((arg) => arg.endsWith('-main.ts')) + 1]
    if (mark === undefined || !isWanted(mark)) return []
    const stat = readText(`/proc/${entry}/stat`)
    return /^ [ZX] /.test(stat.slice(stat.lastIndexOf(')') + 1)) ? [] : [Number(entry)]
  })
}

function pidNamespace(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return ''
  }
}

async function stopAll(isWanted: (mark: string) => boolean): Promise<void> {
  for (let tries = 0, found = find(isWanted); found.length > 0; found = find(isWanted), tries++) {
    if (tries > 500) throw new Error(`Cannot stop process ${found.join(', ')}: it does not end`)
    for (const pid of found) kill(pid)
    await sleep(10)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
