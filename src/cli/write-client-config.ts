import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { readClientConfig, staticRemotes, type ClientConfig, type RemoteConfig } from './client-config.ts'
import { arrange, fields, map, optional } from './shape.ts'
import { writeYaml } from './yaml.ts'

/** A remote as `config.yml` has it. */
export const remoteShape = fields({
  addr: 'text',
  auth_type: optional('text'),
  domain: optional('text'),
  project: optional('text'),
  protocol: optional('text'),
  public: 'bool',
})

const configShape = fields({ 'default-remote': 'text', remotes: map(remoteShape), aliases: map('text') })

/** Replaces `config.yml`. Remotes that others provide stay out of it: the static ones, but for `local`, and global ones. */
export function writeClientConfig(directory: string, config: ClientConfig): void {
  const stored = Object.entries(config.remotes)
    .filter(([name]) => name === 'local' || !(name in staticRemotes))
    .filter(([name]) => !config.global.has(name))
  const text = writeYaml(arrange(configShape, { ...config, remotes: Object.fromEntries(stored) }))

  mkdirSync(directory, { recursive: true, mode: 0o700 })
  replaceFile(join(directory, 'config.yml'), text)
}

/**
 * Keeps `remote` under `name`, in place of what was there; undefined takes it away. What others have written since this
 * client has started, a question to the user ago for one, stays.
 */
export async function saveRemote(
  { directory, globalDirectory }: { readonly directory: string; readonly globalDirectory: string },
  name: string,
  remote: RemoteConfig | undefined,
): Promise<void> {
  const config = await readClientConfig(directory, globalDirectory)
  const others = Object.entries(config.remotes).filter(([other]) => other !== name)
  const remotes = Object.fromEntries(remote === undefined ? others : [...others, [name, remote]])
  // What a user has changed of a global remote is the user's own from then on.
  const global = new Set([...config.global].filter((other) => other !== name))
  writeClientConfig(directory, { ...config, remotes, global })
}

/** Replaces a file that only its owner reads: whoever opens it finds the old or the new text, whole. */
export function replaceFile(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
