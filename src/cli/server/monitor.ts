import { badRequest } from '#base/failure.ts'
import { openEvents, type Event } from '#client/events.ts'

import { command, switchFlag, textFlag, textsFlag } from '../command.ts'
import { writeJson } from '../json.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { prettyEvent, readLevel } from './pretty-event.ts'

export const monitor = command({
  name: 'monitor',
  usage: '[<remote>:]',
  doc: 'Monitor a local or remote LXD server',
  details: 'Messages of all types are shown unless some are chosen.',
  examples: [
    { command: 'lxc monitor --type=logging', doc: 'Only show log messages.' },
    {
      command: 'lxc monitor --pretty --type=logging --loglevel=info',
      doc: 'Show a pretty log of messages with info level or higher.',
    },
    { command: 'lxc monitor --type=lifecycle', doc: 'Only show lifecycle events.' },
  ],
  flags: {
    'all-projects': switchFlag('Show events from all projects'),
    format: textFlag('Format (json|pretty|yaml)', { short: 'f', default: 'yaml' }),
    loglevel: textFlag('Minimum level for log messages (only available when using pretty format)'),
    pretty: switchFlag('Pretty rendering (short for --format=pretty)'),
    type: textsFlag('Event type to listen for'),
  },
  args: [0, 1],
  async run({ args, flags, globals, remotes, at }) {
    const format = flags.pretty ? 'pretty' : flags.format
    if (!['json', 'pretty', 'yaml'].includes(format)) throw badRequest(`Invalid format: ${format}`)
    if (flags.loglevel !== '' && format !== 'pretty') {
      throw badRequest('Log level filtering can only be used with pretty formatting')
    }
    if (flags['all-projects'] && globals.project !== '') {
      throw badRequest("Can't specify --project with --all-projects")
    }
    const least = readLevel(flags.loglevel)

    const { connection, name } = remotes.at(args[0] ?? '')
    if (name !== '') throw badRequest(`Cannot monitor "${name}": expected a remote, such as "local:"`)
    const events = await openEvents(connection, { types: flags.type, allProjects: flags['all-projects'] })
    using _ = at.onSignals(['SIGINT', 'SIGTERM'], () => events.close())
    for await (const event of events) at.print(show(event))

    function show(event: Event): string {
      if (format === 'pretty') return prettyEvent(event, least)
      const arranged = arrange('any', event)
      return format === 'json' ? `${writeJson(arranged)}\n\n` : `${writeYaml(arranged)}\n\n`
    }
  },
})
