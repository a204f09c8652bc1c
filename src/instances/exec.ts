import { badRequest } from '#base/failure.ts'
import type { Config } from '#config/config.ts'
import type { ExecOptions } from '#lxc/runtime.ts'
import { family } from './feature.ts'
import { environmentPrefix } from './features/environment.ts'

/** A command as a client asks for it. */
export interface Command {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly user: number
  readonly group: number
  /** Empty for the home directory. */
  readonly cwd: string
}

/** The searched directories where neither the instance nor the client says; `/snap/bin` is there on Ubuntu. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin'

/**
 * The whole environment of a command: what a login would have set up at least, over that the instance's own
 * variables, over those the client's.
 */
export function execEnvironment(config: Config, { environment, user }: Command): Record<string, string> {
  const asked = { ...Object.fromEntries(family(config, environmentPrefix)), ...environment }
  const home = user === 0 ? { HOME: '/root', USER: 'root' } : {}
  return { PATH: searchPath, ...home, LANG: 'C.UTF-8', ...asked }
}

/** What the runtime is to run. Throws a bad-request Failure that names what of the command can not be. */
export function execOptions(name: string, config: Config, command: Command): Omit<ExecOptions, 'streams'> {
  if (command.command.length === 0 || command.command[0] === '') {
    throw badRequest('Invalid "command": expected at least the name of a program')
  }
  if (command.command.some((word) => word.includes('\0'))) {
    throw badRequest('Invalid "command": a word has a zero byte in it')
  }
  for (const [key, value] of Object.entries(command.environment)) {
    if (!/^[^=\0]+$/.test(key)) {
      throw badRequest(`Invalid "environment": expected names without "=", found ${JSON.stringify(key)}`)
    }
    if (value.includes('\0')) throw badRequest(`Invalid "environment": "${key}" has a zero byte in it`)
  }
  if (command.cwd !== '' && (!command.cwd.startsWith('/') || command.cwd.includes('\0'))) {
    throw badRequest(`Invalid "cwd" ${JSON.stringify(command.cwd)}: expected an absolute path`)
  }
  const env = execEnvironment(config, command)
  const cwd = command.cwd || (env['HOME']?.startsWith('/') ? env['HOME'] : '/')
  return { name, command: command.command, env, uid: command.user, gid: command.group, cwd }
}
