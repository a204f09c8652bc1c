import { join } from 'node:path'
import { Downloads } from '#images/downloads.ts'
import { Images } from '#images/images.ts'
import type { ImagesOptions } from '#images/images.ts'
import { Outbound } from '#images/outbound.ts'
import { ImageRefresh } from '#images/refresh.ts'
import type { Operations } from '#operations/operations.ts'
import type { Projects } from '#projects/projects.ts'
import type { ServerConfig } from '#server/server-config.ts'
import type { Pools } from '#storage/pools.ts'
import type { Host } from './host.ts'
import { ImageSettings } from './image-settings.ts'

interface ImagePartsOptions extends Omit<ImagesOptions, 'directory' | 'limits' | 'run' | 'onUnused'> {
  /** LXD_DIR. */
  readonly directory: string
  readonly projects: Projects
  readonly host: Pick<Host, 'run'>
  readonly pools: Pick<Pools, 'deleteImage'>
  readonly operations: Operations
  readonly serverConfig: Pick<ServerConfig, 'values'>
}

/** The images, and what fetches them from other servers and keeps them up to date. */
export function makeImages(options: ImagePartsOptions) {
  const { directory, operations, serverConfig, projects, pools, host, log } = options
  const images = new Images({
    ...options,
    directory: join(directory, 'images'),
    run: host.run,
    onUnused: (fingerprint) => pools.deleteImage(fingerprint),
  })
  const outbound = new Outbound({ allowed: () => serverConfig.values()['images.sources.allowed_networks'] ?? [] })
  const downloads = new Downloads({ images, outbound, log })
  const settings = new ImageSettings({ projects, serverConfig })
  const imageRefresh = new ImageRefresh({
    images,
    downloads,
    operations,
    log,
    projects: () => projects.list().map(({ name }) => name),
    settings: (project) => settings.of(project),
  })
  return { images, outbound, downloads, imageRefresh, imageSettings: settings }
}
