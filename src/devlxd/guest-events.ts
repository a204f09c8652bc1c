import type { WebSocket } from 'ws'
import type { Expanded } from '#instances/commit.ts'
import { isReadable } from './guest-requests.ts'

/** What a guest is told of: its keys and its devices. */
export const guestEventTypes = ['config', 'device'] as const

type GuestEventType = (typeof guestEventTypes)[number]

interface GuestEvent {
  readonly type: GuestEventType
  readonly metadata: object
}

/** Bytes not yet taken by a guest after which it is let go. */
const maxBacklog = 1 << 20

/** The events that a change of an instance makes for its guest. */
export function guestEvents(before: Expanded, after: Expanded): GuestEvent[] {
  const keys = [...new Set([...Object.keys(before.config), ...Object.keys(after.config)])].filter(isReadable)
  const config = keys
    .filter((key) => before.config[key] !== after.config[key])
    .map((key): GuestEvent => ({
      type: 'config',
      metadata: { key, old_value: before.config[key] ?? '', value: after.config[key] ?? '' },
    }))
  const names = [...new Set([...Object.keys(before.devices), ...Object.keys(after.devices)])]
  const devices = names.flatMap((name): GuestEvent[] => {
    const [old, now] = [before.devices[name], after.devices[name]]
    if (JSON.stringify(old) === JSON.stringify(now)) return []
    const action = old === undefined ? 'added' : now === undefined ? 'removed' : 'updated'
    return [{ type: 'device', metadata: { action, name, config: now ?? old ?? {} } }]
  })
  return [...config, ...devices]
}

/** Tells a guest of an event, if it asked for such and takes them. */
export function sendGuestEvent(socket: WebSocket, types: readonly string[], { type, metadata }: GuestEvent): void {
  if (!types.includes(type) || socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount > maxBacklog) return socket.terminate()
  socket.send(JSON.stringify({ type, timestamp: new Date().toISOString(), metadata }), { binary: false })
}
