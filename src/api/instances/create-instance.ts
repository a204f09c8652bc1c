import type { NewInstance } from '#instances/instances.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import type { OperationWork } from '#operations/operation.ts'
import type { InstancesPost } from '#schema/instance.ts'
import type { DevicesConfig } from '#store/instance-record.ts'
import { readRemoteSource } from '../images/fetch-image.ts'
import { operation } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

type Creating = Pick<Request<string, InstancesPost>, 'project' | 'body' | 'requestor' | 'may'>

/** A new instance as the body of a request has it. */
export function newInstance({ project, body }: Pick<Creating, 'project' | 'body'>): Omit<NewInstance, 'image'> {
  const { name, type, architecture, description, config, profiles, ephemeral, stateful } = body
  const devices = body.devices as DevicesConfig
  return { project, name, type, architecture, description, config, devices, profiles, ephemeral, stateful }
}

/** The operation that makes an instance. */
export function creating(
  services: Services,
  about: Pick<Creating, 'project' | 'requestor'> & {
    readonly name: string
    readonly work: (work: OperationWork) => Promise<void>
  },
): Reply {
  const { project, requestor, name, work } = about
  const url = instanceUrl(project, name)
  const started = services.operations.start({
    description: 'Creating instance',
    project,
    resources: { instances: [url], containers: [url.replace('/instances/', '/containers/')] },
    requestor,
    mayCancel: true,
    work,
  })
  return operation(started)
}

/** Makes an instance from an image on another server, which is fetched first where the project doesn't have it yet. */
export function createFromRemote(services: Services, request: Creating): Reply {
  const { project, body, requestor, may } = request
  const { downloads, images, instances, serverConfig } = services
  const source = readRemoteSource(body.source, may)
  downloads.check(source)
  const name = instances.chooseName(project, body.name)
  const settings = serverConfig.values()

  async function work(parts: OperationWork): Promise<void> {
    const fetching = {
      project,
      source,
      public: false,
      autoUpdate: settings['images.auto_update_cached'],
      cached: true,
      properties: {},
      profiles: undefined,
      aliases: [],
      requestor,
    }
    const image =
      settings['images.auto_update_interval'] > 0
        ? await downloads.obtain(fetching, parts)
        : await downloads.fetch(fetching, parts)
    const used = images.use(project, { fingerprint: image.fingerprint, alias: '', properties: {} })
    const { make } = await instances.create({ ...newInstance(request), name, image: used })
    await make(parts, requestor)
  }
  return creating(services, { project, requestor, name, work })
}
