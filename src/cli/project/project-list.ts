import { listProjects, type Project } from '#client/projects.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { projectShape } from './project-shapes.ts'

const FEATURES = ['images', 'profiles', 'storage.volumes', 'networks']

export const projectList = command({
  name: 'project list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List projects',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, remote } = remotes.at(args[0] ?? '')
    const projects = await listProjects(connection)
    const current = remotes.projectOf(remote) ?? 'default'

    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'IMAGES', 'PROFILES', 'STORAGE VOLUMES', 'NETWORKS', 'DESCRIPTION', 'USED BY'],
        rows: projects.map((project) => rowOf(project, current)).sort(compareRows),
        raw: arrangeFor(flags.format, list(projectShape), projects),
      }),
    )
  },
})

function rowOf({ name, config, description, used_by }: Project, current: string): string[] {
  return [
    name === current ? `${name} (current)` : name,
    ...FEATURES.map((feature) => (/^(?:true|1|yes|on)$/i.test(config[`features.${feature}`] ?? '') ? 'YES' : 'NO')),
    description,
    String(used_by?.length ?? 0),
  ]
}
