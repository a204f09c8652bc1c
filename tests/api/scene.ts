import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCertificate } from '#auth/client-certificate.ts'
import { forbidden } from '#base/failure.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { directory, file, tar } from '../tar.ts'
import type { RawRequest } from './impersonation.ts'
import type { TestDaemon } from './daemon.ts'
import { clientCertificate } from './https.ts'

/**
 * The projects of a {@link Scene}, and a name that is none's. What is in one of them bears its name; the hidden one and the missing one
 * are of one length, so that answers about them can be compared to the byte.
 */
export const projects = { shown: 'p1', hidden: 'zanzibar', default: 'default', missing: 'atlantis' } as const

/** An id that nothing has. */
export const missingId = '00000000-0000-4000-8000-000000000000'

/** What a pair needs in its query in order to be answered at once, and to do no harm. */
export function harmless(pair: string): string {
  if (pair.endsWith('/wait')) return 'timeout=0'
  return pair === 'PUT /internal/shutdown' ? 'timeout=-1' : ''
}

const inhabited = [projects.shown, projects.hidden, projects.default] as const

type Inhabited = (typeof inhabited)[number]

/** What there is in one project, under the names that paths have for it. */
export interface Things {
  readonly instance: string
  readonly stopped: string
  readonly profile: string
  readonly alias: string
  readonly fingerprint: string
  readonly log: string
  /** A session that goes on until the scene is over, and the secret that lets one in. */
  readonly operation: string
  readonly secret: string
}

/** A certificate that is trusted, and no caller's. */
const { certificate } = clientCertificate('someone else')
const certificateFingerprint = readCertificate('certificate', certificate).fingerprint

const config = { 'ipv4.address': '10.1.2.1/24', 'ipv6.address': 'none' }
const pool = 'local'
const devices = { root: { type: 'disk', path: '/', pool } }

function imageOf(project: string): Buffer {
  const metadata = { architecture: 'x86_64', creation_date: 1, properties: { os: label(project) } }
  return tar([file('metadata.yaml', JSON.stringify(metadata)), directory('rootfs'), file('rootfs/name', project)])
}

/** The text that gives away what is in a project. */
export function label(project: string): string {
  return project === 'default' ? 'madagascar' : project
}

/** A text that is in what belongs to a project, and in the name of nothing. */
export const canary = (project: string): string => `canary of ${label(project)}`

/** Three projects with the same things in each, in which someone who may see but one can be watched. */
export class Scene implements Disposable {
  readonly #daemon: TestDaemon
  readonly #configs: Readonly<Record<string, object>>
  readonly #over = Promise.withResolvers<void>()
  readonly #things = new Map<string, Things>()

  private constructor(daemon: TestDaemon, configs: Readonly<Record<string, object>>) {
    this.#daemon = daemon
    this.#configs = configs
  }

  /** `configs` are those of projects that are not to have everything of their own. */
  static async make(daemon: TestDaemon, configs: Readonly<Record<string, object>> = {}): Promise<Scene> {
    const scene = new Scene(daemon, configs)
    await daemon.ok('POST', '/1.0/storage-pools', { body: { name: pool, driver: 'fake' } })
    await daemon.ok('POST', '/1.0/networks', { body: { name: 'br0', type: 'bridge', config } })
    for (const project of inhabited) await scene.#furnish(project)
    await scene.#people()
    return scene
  }

  /** What there is in a project. */
  of(project: string): Things {
    const things = this.#things.get(project)
    if (!things) throw new Error(`Nothing is in "${project}"`)
    return things
  }

  /** A path of the API about what is in a project. Accepts what is before it, as in `GET /1.0/profiles/{name}`. */
  path(pattern: string, project: string): string {
    let path = pattern.replace(/^\S+ /, '')
    for (const [at, name] of Object.entries(this.#names(project))) {
      path = path.replace(`/${at}`, `/${at.slice(0, at.lastIndexOf('/'))}/${name}`)
    }
    if (/[{}]/.test(path)) throw new Error(`${pattern}: "names" of the scene must say what stands for a parameter`)
    return path
  }

  /** What may be let through, but does little: it fails at the body or the ETag then. An `UPGRADE` wants a websocket. */
  request(pair: string, project: string): RawRequest {
    const [method = ''] = pair.split(' ')
    // Operations and projects are where their id and name say, whatever the query says.
    const isPlaced = / \/1\.0\/(operations|projects)\/\{/.test(pair) || project === projects.default
    const query = [harmless(pair), isPlaced ? '' : `project=${project}`].filter((part) => part !== '')
    const url = `${this.path(pair, project)}?${query.join('&')}`
    if (method === 'UPGRADE') return { method, url }
    const headers = { 'content-type': 'application/json', 'if-match': '"none"' }
    return { method, url, headers, ...(method === 'GET' ? {} : { body: '{}' }) }
  }

  /** What stands for the parameters of a path, by the part of the path before each. */
  #names(project: string): Readonly<Record<string, string>> {
    const isMissing = project === projects.missing
    const things = this.of(isMissing ? projects.hidden : project)
    return {
      'aliases/{name}': things.alias,
      'auth/groups/{name}': 'staff',
      'certificates/{fingerprint}': certificateFingerprint,
      'identities/{method}': 'unix',
      'unix/{id}': 'uid:4321',
      'identity-provider-groups/{name}': 'engineers',
      'images/{fingerprint}': things.fingerprint,
      'instances/{name}': things.instance,
      'containers/{name}': things.instance,
      'logs/{filename}': things.log,
      'networks/{name}': 'br0',
      'operations/{id}': isMissing ? missingId : things.operation,
      'profiles/{name}': things.profile,
      'projects/{name}': project,
      'storage-pools/{name}': 'local',
      'storage-pools/{pool}': 'local',
      'volumes/{type}': 'container',
      'container/{volume}': things.instance,
      'warnings/{uuid}': this.#daemon.daemon.services.warnings.list()[0]?.uuid ?? missingId,
    }
  }

  /** Puts back what can have been taken away by what was answered so. */
  async mend({ text }: { readonly text: string }): Promise<void> {
    const { operation } = JSON.parse(text) as { readonly operation: string }
    if (operation !== '') await this.#daemon.call('GET', `${operation}/wait?timeout=5`)
    for (const project of inhabited) {
      await this.#image(project)
      this.#log(project)
      await this.#warn(project)
    }
    await this.#people()
  }

  async #furnish(project: Inhabited): Promise<void> {
    const daemon = this.#daemon
    const query = `?project=${project}`
    const name = label(project)
    if (project !== 'default') {
      await daemon.ok('POST', '/1.0/projects', {
        body: { name: project, description: `about ${canary(project)}`, config: this.#configs[project] ?? {} },
      })
    }
    await daemon.ok('PUT', `/1.0/profiles/default${query}`, { body: { devices } })
    const profile = `${name}-profile`
    await daemon.ok('POST', `/1.0/profiles${query}`, {
      body: { name: profile, config: { 'user.of': canary(project) } },
    })
    const fingerprint = await this.#image(project)
    const profiles = ['default', profile]
    const [instance, stopped] = [`${name}-runs`, `${name}-stopped`]
    for (const one of [instance, stopped]) {
      const nic = { type: 'nic', network: 'br0' }
      const body = {
        name: one,
        profiles,
        source: { type: 'image', fingerprint },
        config: { 'user.of': canary(project) },
      }
      const more = one === stopped ? { devices: { eth0: nic } } : {}
      await daemon.ok('POST', `/1.0/instances${query}`, { body: { ...body, ...more } })
    }
    await daemon.ok('PUT', `/1.0/instances/${instance}/state${query}`, { body: { action: 'start' } })
    const { id: operation, secret } = this.#operation(project, `/1.0/instances/${instance}${query}`)
    const log = `exec_${operation}.stdout`
    this.#things.set(project, {
      instance,
      stopped,
      profile,
      alias: `${name}-image`,
      fingerprint,
      log,
      operation,
      secret,
    })
    this.#log(project)
    await this.#warn(project)
  }

  /** A session of someone else in an instance, which goes on until the scene is over. */
  #operation(project: Inhabited, url: string): { readonly id: string; readonly secret: string } {
    const secret = `secret-of-${label(project)}`
    const { id } = this.#daemon.daemon.services.operations.start({
      description: 'Executing command',
      project,
      resources: { instances: [url] },
      metadata: { command: ['sleep', label(project)] },
      privateMetadata: { fds: { 0: secret } },
      work: () => this.#over.promise,
      accept: (given) => {
        if (given !== secret) throw forbidden('Invalid secret')
        return (socket) => socket.close()
      },
    })
    return { id, secret }
  }

  [Symbol.dispose](): void {
    this.#over.resolve()
  }

  /** A private image under an alias. */
  async #image(project: Inhabited): Promise<string> {
    const image = imageOf(project)
    const fingerprint = createHash('sha256').update(image).digest('hex')
    const query = `?project=${project}`
    const type = { 'content-type': 'application/octet-stream' }
    if ((await this.#daemon.call('GET', `/1.0/images/${fingerprint}${query}`)).status === 404) {
      await this.#daemon.ok('POST', `/1.0/images${query}`, { body: image, headers: type })
    }
    const alias = { name: `${label(project)}-image`, target: fingerprint }
    if ((await this.#daemon.call('GET', `/1.0/images/aliases/${alias.name}${query}`)).status === 404) {
      await this.#daemon.ok('POST', `/1.0/images/aliases${query}`, { body: alias })
    }
    return fingerprint
  }

  /** The output of a command that was recorded earlier. */
  #log(project: Inhabited): void {
    const { instance, log } = this.of(project)
    const folder = join(this.#daemon.directory, 'logs', runtimeName(project, instance))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, log), `printed in ${label(project)}\n`)
  }

  async #people(): Promise<void> {
    const people = [
      ['/1.0/auth/groups', 'staff', { name: 'staff' }],
      ['/1.0/auth/identities/unix', 'uid:4321', { id: 'uid:4321', name: 'guest' }],
      ['/1.0/auth/identity-provider-groups', 'engineers', { name: 'engineers', groups: ['staff'] }],
      ['/1.0/certificates', certificateFingerprint, { type: 'client', name: 'someone else', certificate }],
    ] as const
    for (const [url, name, body] of people) {
      const { status } = await this.#daemon.call('GET', `${url}/${encodeURIComponent(name)}`)
      if (status === 404) await this.#daemon.ok('POST', url, { body })
    }
  }

  async #warn(project: Inhabited): Promise<void> {
    const { warnings } = this.#daemon.daemon.services
    const entity = `/1.0/instances/${this.of(project).instance}?project=${project}`
    warnings.raise({ type: 'Failed to autostart instance', project, entity, message: `in ${label(project)}` })
    await warnings.flush()
  }
}
