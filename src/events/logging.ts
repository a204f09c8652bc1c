import type { Log } from '#base/log.ts'
import type { Events } from './events.ts'

/** The names of levels in events of type `logging`, as logrus writes them and LXD's clients know them. */
const levels = { debug: 'debug', info: 'info', warn: 'warning', error: 'error' } as const

/** Field values as text, which is what the context of an event holds. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** A log whose lines also go out as events of type `logging`. */
export function logToEvents(log: Log, events: Events): Log {
  const method =
    (name: keyof typeof levels) =>
    (message: string, fields: object = {}): void => {
      log[name](message, fields)
      const context = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, textOf(value)]))
      events.send('logging', '', { message, level: levels[name], context })
    }
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') }
}
