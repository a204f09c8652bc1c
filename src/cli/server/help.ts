import { command } from '../command.ts'

/** Only described here: what runs commands answers it, as it knows them all. */
export const help = command({
  name: 'help',
  usage: '[command]',
  doc: 'Help about any command',
  flags: {},
  args: [0, Infinity],
  run: () => {},
})
