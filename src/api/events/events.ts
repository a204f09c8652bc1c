import type { WebSocket } from 'ws'
import { badRequest } from '#base/failure.ts'
import type { Event, EventType } from '#events/events.ts'
import { route } from '../route.ts'

const types: readonly EventType[] = ['lifecycle', 'logging', 'operation']

/** Bytes of events not yet taken by a client after which it is let go: it reads too slowly. */
const maxBacklog = 8 << 20

function readTypes(text: string | undefined): readonly EventType[] {
  if (!text) return types
  return text.split(',').map((name) => {
    const type = types.find((known) => known === name)
    if (!type) throw badRequest(`Invalid "type" "${name}": expected one of ${types.join(', ')}`)
    return type
  })
}

function send(socket: WebSocket, event: Event): void {
  if (socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount > maxBacklog) socket.terminate()
  else socket.send(JSON.stringify(event), { binary: false })
}

/** What happens, as it happens. */
export const events = route('/1.0/events', {
  get: {
    doc: 'Get the event stream. Needs a websocket.',
    access: 'authenticated',
    handle() {
      throw badRequest('Cannot send events: expected a websocket upgrade')
    },
  },
  upgrade: {
    doc: 'Get the event stream.',
    access: 'authenticated',
    allProjects: true,
    open(services, { query, project, allProjects, may }) {
      const wanted = readTypes(query['type'])
      if (allProjects && query['project'] !== undefined) {
        throw badRequest('Cannot use "project" together with "all-projects"')
      }
      return (socket) => {
        const subscription = services.events.subscribe((event) => {
          if (!wanted.includes(event.type)) return
          if (!allProjects && event.project !== '' && event.project !== project) return
          // Log lines tell of everything; what is of no project is the server's.
          const isServers = event.type === 'logging' || event.project === ''
          if (isServers ? !may('view-server') : !may('view', event.project)) return
          send(socket, event)
        })
        socket.on('close', () => subscription[Symbol.dispose]())
      }
    },
  },
})
