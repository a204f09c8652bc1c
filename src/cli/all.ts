import type { Tree } from './command.ts'

/** Every command of `lxc`. Each is loaded when it is called. */
export const all: Tree = {
  list: { aliases: ['ls'], load: async () => (await import('./instance/list.ts')).list },
  query: { load: async () => (await import('./server/query.ts')).query },
}
