import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '#config/config.ts'
import { serverKeys } from '#config/server-keys.ts'
import type { Projects } from '#projects/projects.ts'
import { ImageSettings } from './image-settings.ts'

test('a project looks after its images as its configuration says, else as that of the server does', () => {
  const config: Readonly<Record<string, string>> = {
    'images.auto_update_interval': '0',
    'images.remote_cache_expiry': '3',
  }
  const projects = {
    get: (name: string) => ({ value: { name, description: '', config: name === 'own' ? config : {} }, revision: 1 }),
  } satisfies Pick<Projects, 'get'>
  const values = readConfig(serverKeys, { 'images.auto_update_interval': '12' })
  const settings = new ImageSettings({ projects, serverConfig: { values: () => values } })

  assert.deepEqual(settings.of('default'), { interval: 12, follow: true, expiry: 10 })
  assert.deepEqual(settings.of('own'), { interval: 0, follow: true, expiry: 3 })
})
