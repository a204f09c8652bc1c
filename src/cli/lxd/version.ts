import { command } from '../command.ts'

export function showVersion(version: string) {
  return command({
    name: 'version',
    usage: '',
    doc: 'Show the server version',
    flags: {},
    args: [0, 0],
    run: ({ at }) => at.print(`${version}\n`),
  })
}
