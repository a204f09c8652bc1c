import type { WebSocket } from 'ws'
import { badRequest, forbidden } from '#base/failure.ts'
import type { Event, EventType } from '#events/events.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'

/** LXD's types, which a client gets that asks for none. */
const usual: readonly EventType[] = ['lifecycle', 'logging', 'operation']

const types: readonly EventType[] = [...usual, 'security']

/** Bytes of events not yet taken by a client after which it is let go: it reads too slowly. */
const maxBacklog = 8 << 20

function readTypes(text: string | undefined): readonly EventType[] {
  if (!text) return usual
  return text.split(',').map((name) => {
    const type = types.find((known) => known === name)
    if (!type) throw badRequest(`Invalid "type" "${name}": expected one of ${types.join(', ')}`)
    return type
  })
}

type Asking = Pick<Request, 'may'>

/**
 * Whether a client may be told of an event, as it is now. Log lines tell of everyone, and are for administrators, as in
 * LXD; so are security events, but that those of a project are for its administrators, too. What is of no project is
 * the server's.
 */
function maySee({ may }: Asking, { type, project }: Event): boolean {
  if (type === 'logging') return may('admin')
  if (type === 'security') return may('admin') || (project !== '' && may('edit-project', project))
  return project === '' ? may('view-server') : may('view', project)
}

/** Throws for who asks for what it could never be told. */
function checkMayAsk(wanted: readonly EventType[], { may, project }: Asking & Pick<Request, 'project'>): void {
  if (may('admin')) return
  if (wanted.includes('logging')) throw forbidden('not authorized')
  if (wanted.includes('security') && !may('edit-project', project)) throw forbidden('not authorized')
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
    open(services, request) {
      const { query, project, allProjects } = request
      const wanted = readTypes(query['type'])
      if (query['type']) checkMayAsk(wanted, request)
      if (allProjects && query['project'] !== undefined) {
        throw badRequest('Cannot use "project" together with "all-projects"')
      }
      return (socket) => {
        const subscription = services.events.subscribe((event) => {
          if (!wanted.includes(event.type)) return
          if (!allProjects && event.project !== '' && event.project !== project) return
          if (maySee(request, event)) send(socket, event)
        })
        socket.on('close', () => subscription[Symbol.dispose]())
      }
    },
  },
})
