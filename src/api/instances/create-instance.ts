import type { NewInstance, SourceImage } from '#instances/instances.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import type { OperationWork } from '#operations/operation.ts'
import type { InstancesPost } from '#schema/instance.ts'
import type { ImageRecord } from '#store/image-record.ts'
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
export async function createFromRemote(services: Services, request: Creating): Promise<Reply> {
  const { project, body, requestor, may } = request
  const { downloads, instances, imageSettings } = services
  const source = readRemoteSource(body.source, may)
  downloads.check(source)
  const { interval, follow } = imageSettings.of(project)
  const here = interval > 0 ? downloads.find({ project, source }) : undefined
  if (here) return await createFromImage(services, request, here)

  const wanted = newInstance(request)
  const name = instances.precheck(wanted)
  const fetching = {
    project,
    source,
    public: false,
    autoUpdate: follow,
    cached: true,
    properties: {},
    profiles: undefined,
    aliases: [],
    requestor,
  }
  async function work(parts: OperationWork): Promise<void> {
    const fetched = await downloads.fetch(fetching, parts)
    const { make } = await instances.create({ ...wanted, name, image: use(services, project, fetched) })
    await make(parts, requestor)
  }
  return creating(services, { project, requestor, name, work })
}

async function createFromImage(services: Services, request: Creating, found: ImageRecord): Promise<Reply> {
  const { project, requestor } = request
  const image = use(services, project, found)
  const { name, make } = await services.instances.create({ ...newInstance(request), image })
  return creating(services, { project, name, requestor, work: (work) => make(work, requestor) })
}

function use({ images }: Services, project: string, { fingerprint }: ImageRecord): SourceImage {
  return images.use(project, { fingerprint, alias: '', properties: {} })
}
