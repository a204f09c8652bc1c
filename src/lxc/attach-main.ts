/**
 * A program: runs a command in a container, as lxc-attach does, and can say in which directory. It gets its job as its
 * argument, and its standard streams and exit code are the command's.
 */
import { nativeFunction, nativeKoffi } from '#host/native.ts'

/** What the program is to do. */
export interface AttachJob {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly uid: number
  readonly gid: number
  readonly cwd: string
  readonly lxcpath: string
  readonly configFile: string
  /** Whether the standard streams are a terminal, to be joined to one inside. */
  readonly terminal: boolean
}

const library = 'liblxc.so.1'
const newContainer = nativeFunction(library, 'void *lxc_container_new(const char *name, const char *configpath)')
const signal = nativeFunction('libc.so.6', 'void *signal(int number, void *handler)')

// lxc/lxccontainer.h and lxc/attach_options.h of liblxc 4 and later, 64-bit: both only ever grow at their ends.
const loadConfigAt = 128
const attachRunWaitAt = 376
const attachDefault = 0x0000_ffff
const attachTerminal = 0x0008_0000
const clearEnvironment = 1
const sigpipe = 13

function main(job: AttachJob): number {
  const koffi = nativeKoffi()
  koffi.struct('lxc_attach_options_t', {
    attach_flags: 'int',
    namespaces: 'int',
    personality: 'long',
    initial_cwd: 'str',
    uid: 'uint',
    gid: 'uint',
    env_policy: 'int',
    extra_env_vars: 'str *',
    extra_keep_env: 'str *',
    stdin_fd: 'int',
    stdout_fd: 'int',
    stderr_fd: 'int',
    log_fd: 'int',
    lsm_label: 'str',
    groups_size: 'size_t',
    groups_list: 'void *',
  })
  const container = newContainer()(job.name, job.lxcpath)
  const method = (at: number) => koffi.decode(container, at, 'void *') as unknown

  const loadConfig = koffi.proto('bool load_config(void *c, const char *file)')
  koffi.call(method(loadConfigAt), loadConfig, container, job.configFile)
  // Node ignores it, and what ignores a signal passes that on.
  signal()(sigpipe, null)

  const run = koffi.proto('int attach_run_wait(void *c, lxc_attach_options_t *options, const char *program, str *argv)')
  const status = koffi.call(
    method(attachRunWaitAt),
    run,
    container,
    {
      attach_flags: attachDefault | (job.terminal ? attachTerminal : 0),
      namespaces: -1,
      personality: -1,
      initial_cwd: job.cwd,
      uid: job.uid,
      gid: job.gid,
      env_policy: clearEnvironment,
      extra_env_vars: [...Object.entries(job.env).map(([key, value]) => `${key}=${value}`), null],
      extra_keep_env: [null],
      stdin_fd: 0,
      stdout_fd: 1,
      stderr_fd: 2,
      log_fd: -9,
      lsm_label: null,
      groups_size: 0,
      groups_list: null,
    },
    job.command[0],
    [...job.command, null],
  ) as number
  if (status < 0) return 1
  const signalled = status & 0x7f
  return signalled === 0 ? (status >> 8) & 0xff : 128 + signalled
}

if (import.meta.main) process.exitCode = main(JSON.parse(process.argv[2] ?? '{}') as AttachJob)
