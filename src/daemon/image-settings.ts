import { readConfig } from '#config/config.ts'
import { projectKeys } from '#projects/project-keys.ts'
import type { Projects } from '#projects/projects.ts'
import type { ServerConfig } from '#server/server-config.ts'

/** How images that come from other servers are looked after: by the configuration of a project, else the server's. */
export class ImageSettings {
  readonly #projects: Pick<Projects, 'get'>
  readonly #serverConfig: Pick<ServerConfig, 'values'>

  constructor(options: {
    readonly projects: Pick<Projects, 'get'>
    readonly serverConfig: Pick<ServerConfig, 'values'>
  }) {
    this.#projects = options.projects
    this.#serverConfig = options.serverConfig
  }

  of(project: string) {
    const own = readConfig(projectKeys, this.#projects.get(project).value.config)
    const server = this.#serverConfig.values()
    return {
      /** Hours between two looks for newer images; 0 for never. */
      interval: own['images.auto_update_interval'] ?? server['images.auto_update_interval'],
      /** Whether images that instances need follow where they came from. */
      follow: own['images.auto_update_cached'] ?? server['images.auto_update_cached'],
      /** Days after which such an image goes that nobody uses. */
      expiry: own['images.remote_cache_expiry'] ?? server['images.remote_cache_expiry'],
    }
  }
}
