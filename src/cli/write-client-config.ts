import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { staticRemotes, type ClientConfig } from './client-config.ts'
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

/** Replaces `config.yml`. Static remotes stay out of it, but for `local`. */
export function writeClientConfig(directory: string, config: ClientConfig): void {
  const stored = Object.entries(config.remotes).filter(([name]) => name === 'local' || !(name in staticRemotes))
  const text = writeYaml(arrange(configShape, { ...config, remotes: Object.fromEntries(stored) }))

  mkdirSync(directory, { recursive: true, mode: 0o750 })
  const file = join(directory, 'config.yml')
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
