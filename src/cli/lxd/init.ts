import { badRequest, explain } from '#base/failure.ts'
import { command, numberFlag, switchFlag, textFlag } from '../command.ts'
import { applyPreseed } from './apply-preseed.ts'
import { localDaemon } from './local.ts'
import { readPreseed } from './preseed.ts'
import { readServerState } from './server-state.ts'

const modes = ['auto', 'minimal', 'preseed', 'dump'] as const

/** Flags that say what `--auto` sets up. */
const wishes = {
  'network-address': textFlag('Address to bind LXD to (default: none)'),
  'network-port': numberFlag('Port to bind LXD to (default: 8443)', { default: -1 }),
  'storage-backend': textFlag('Storage backend to use (default: overlay where the kernel can, else dir)'),
  'storage-create-device': textFlag('Setup device based storage using DEVICE'),
  'storage-create-loop': numberFlag('Setup loop based storage with SIZE in GB', { default: -1 }),
  'storage-pool': textFlag('Storage pool to use or create'),
  'trust-password': textFlag('Password required to add new clients'),
}

export const init = command({
  name: 'init',
  usage: '',
  doc: 'Configure the LXD daemon',
  examples: [
    { command: 'init --minimal' },
    {
      command: `init --auto [--network-address=IP] [--network-port=8443] [--storage-backend=dir]
            [--storage-create-device=DEVICE] [--storage-create-loop=SIZE]
            [--storage-pool=POOL] [--trust-password=PASSWORD]`,
    },
    { command: 'init --preseed' },
    { command: 'init --dump' },
  ],
  flags: {
    auto: switchFlag('Automatic (non-interactive) mode'),
    dump: switchFlag('Dump YAML config to stdout'),
    minimal: switchFlag('Minimal configuration (non-interactive)'),
    preseed: switchFlag('Pre-seed mode, expects YAML config from stdin'),
    ...wishes,
  },
  args: [0, 0],
  async run(call) {
    const { flags, given, at } = call
    const [mode, other] = modes.filter((name) => flags[name])
    if (other !== undefined) throw badRequest(`Can't use --${mode} and --${other} together`)
    if (mode !== 'auto' && Object.keys(wishes).some((name) => given.has(name))) {
      throw badRequest('Configuration flags require --auto')
    }

    const daemon = localDaemon(call)
    if (mode === 'dump') {
      const { dump } = await import('./dump.ts')
      at.print(await dump(daemon))
      return
    }

    const plan = async () => {
      if (mode === 'preseed') return await readPreseed(Buffer.from(at.readInput()).toString())
      const server = await readServerState(daemon)
      if (mode === undefined) {
        const { interviewAt } = await import('./interview.ts')
        return interviewAt(at, server)
      }
      const { planAuto } = await import('./auto.ts')
      return planAuto(flags, server)
    }
    await applyPreseed(daemon, await plan(), (what, error) =>
      at.warn(`Warning: Could not take back ${what}: ${explain(error)}\n`),
    )
  },
})
