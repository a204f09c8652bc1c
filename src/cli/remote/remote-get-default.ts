import { command } from '../command.ts'

export const remoteGetDefault = command({
  name: 'remote get-default',
  usage: '',
  doc: 'Show the default remote',
  flags: {},
  args: [0, 0],
  run({ remotes, at }) {
    at.print(`${remotes.default}\n`)
  },
})
