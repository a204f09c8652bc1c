import { open } from 'node:fs/promises'
import { badRequest } from '#base/failure.ts'
import { execOptions } from '#instances/exec.ts'
import { ExecSession } from '#instances/exec-session.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import type { ExecOptions } from '#lxc/runtime.ts'
import type { Operation, OperationOptions, OperationWork } from '#operations/operation.ts'
import { InstanceExecPost } from '#schema/instance.ts'
import { Operation as OperationShape } from '#schema/operation.ts'
import { entityUrl } from '../list.ts'
import { operation } from '../reply.ts'
import { route } from '../route.ts'
import type { Services } from '../services.ts'

/** What there is to a command, whichever way it runs. */
interface Job {
  readonly body: InstanceExecPost
  readonly exec: Omit<ExecOptions, 'streams'>
  /** What its operation has in any case. */
  readonly common: Pick<OperationOptions, 'description' | 'project' | 'resources' | 'requestor'>
  /** The URL of a log file of the instance. */
  readonly logUrl: (file: string) => string
}

/** Commands run in an instance. */
export const instanceExec = route('/1.0/instances/{name}/exec', {
  post: {
    doc: `Run a command in a running instance.

With \`wait-for-websocket\` its streams are websockets; with \`record-output\` its output becomes log files; else it is
dropped.`,
    access: 'operate-containers',
    body: InstanceExecPost,
    reply: OperationShape,
    handle(services, request) {
      const { project, body, requestor, params } = request
      const { value } = services.instances.get(project, params.name)
      const { config } = services.instances.expand(value)
      const exec = execOptions(runtimeName(project, value.name), config, body)
      checkRunning(services, exec.name)

      const url = instanceUrl(project, value.name)
      const containers = [url.replace('/instances/', '/containers/')]
      const common = {
        description: 'Executing command',
        project,
        resources: { instances: [url], containers },
        requestor,
      }
      services.events.lifecycle({
        action: 'instance-exec',
        source: url,
        project,
        requestor,
        context: { command: body.command },
      })
      const started = body['wait-for-websocket'] ? startSession : body['record-output'] ? startRecorded : startSilent
      const logUrl = (file: string) => entityUrl(['instances', value.name, 'logs', file], project)
      return operation(started(services, { body, exec, common, logUrl }))
    },
  },
})

type Start = (services: Services, job: Job) => Operation

function checkRunning({ runtime }: Services, name: string): void {
  const status = runtime.status(name)
  if (status === 'frozen') throw badRequest('Instance is frozen')
  if (status !== 'running') throw badRequest('Instance is not running')
}

const startSession: Start = ({ runtime, operations }, { body, exec, common }) => {
  const terminal = { width: body.width || 80, height: body.height || 25 }
  const session = new ExecSession({
    terminal: body.interactive,
    start: () => runtime.exec({ ...exec, streams: body.interactive ? terminal : 'pipes' }),
  })
  return operations.start({
    ...common,
    metadata: { command: body.command, environment: exec.env, interactive: body.interactive },
    privateMetadata: { fds: session.secrets },
    accept: (secret) => session.accept(secret),
    work: async (work) => report(work, await session.run()),
  })
}

const startRecorded: Start = ({ runtime, operations, logs }, { exec, common, logUrl }) => {
  const started = operations.start({
    ...common,
    async work(work) {
      const files = [`exec_${started.id}.stdout`, `exec_${started.id}.stderr`] as const
      await using output = await logs.create(exec.name, files[0])
      await using errors = await logs.create(exec.name, files[1])
      const process = await runtime.exec({ ...exec, streams: { output: output.fd, errors: errors.fd } })
      const code = await process.exit
      work.metadata({ output: { 1: logUrl(files[0]), 2: logUrl(files[1]) } })
      report(work, code)
    },
  })
  return started
}

const startSilent: Start = ({ runtime, operations }, { exec, common }) =>
  operations.start({
    ...common,
    async work(work) {
      await using nothing = await open('/dev/null', 'w')
      const process = await runtime.exec({ ...exec, streams: { output: nothing.fd, errors: nothing.fd } })
      report(work, await process.exit)
    },
  })

/** Clients take the exit code from the metadata, and LXD's two errors from the operation's failure. */
function report({ metadata }: OperationWork, code: number): void {
  metadata({ return: code })
  if (code === 126) throw badRequest('Command not executable')
  if (code === 127) throw badRequest('Command not found')
}
