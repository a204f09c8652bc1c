import type { Tree } from './command.ts'

/** Every command of `lxc`. Each is loaded when it is called. */
export const all: Tree = {
  delete: { aliases: ['rm'], load: async () => (await import('./instance/delete.ts')).deleteCommand },
  exec: { load: async () => (await import('./instance/exec.ts')).exec },
  help: { load: async () => (await import('./server/help.ts')).help },
  init: { hidden: true, load: async () => (await import('./instance/init.ts')).init },
  launch: { load: async () => (await import('./instance/launch.ts')).launch },
  list: { aliases: ['ls'], load: async () => (await import('./instance/list.ts')).list },
  pause: { hidden: true, load: async () => (await import('./instance/pause.ts')).pause },
  query: { hidden: true, load: async () => (await import('./server/query.ts')).query },
  rename: { load: async () => (await import('./instance/rename.ts')).rename },
  restart: { load: async () => (await import('./instance/restart.ts')).restart },
  start: { load: async () => (await import('./instance/start.ts')).start },
  stop: { load: async () => (await import('./instance/stop.ts')).stop },
}
