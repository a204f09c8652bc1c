import { badRequest } from '#base/failure.ts'
import type { Event } from '#client/events.ts'

/** Log levels, the least important last. */
const LEVELS = ['panic', 'fatal', 'error', 'warning', 'info', 'debug', 'trace']

/** The rank of a log level, for comparisons; without one, that of the least important. */
export function readLevel(text: string): number {
  if (text === '') return LEVELS.length - 1
  const rank = LEVELS.indexOf(text.toLowerCase().replace(/^warn$/, 'warning'))
  if (rank < 0) throw badRequest(`Invalid log level "${text}": expected one of ${LEVELS.join(', ')}`)
  return rank
}

interface Line {
  readonly level: string
  readonly message: string
  readonly context: Readonly<Record<string, unknown>>
}

/** An event as a line of a log (https://brandur.org/logfmt); nothing for a message less important than `least`. */
export function prettyEvent({ type, timestamp, metadata }: Event, least: number): string {
  const { level, message, context } = readLine(type, (metadata ?? {}) as Readonly<Record<string, unknown>>)
  if (LEVELS.indexOf(level) > least) return ''

  const pairs = Object.keys(context)
    .sort()
    .map((key) => ` ${key}=${quoted(plain(context[key]))}`)
  const time = timestamp.replace(/\.\d+/, '')
  return `time="${time}" level=${level} msg=${quoted(message)}${pairs.join('')}\n`
}

function readLine(type: string, about: Readonly<Record<string, unknown>>): Line {
  const context = (about['context'] ?? {}) as Line['context']
  switch (type) {
    case 'logging':
      return { level: plain(about['level']), message: plain(about['message']), context }
    case 'lifecycle':
      return { level: 'info', message: lifecycleMessage(about), context }
    case 'operation': {
      const { id, class: kind, description, status } = about
      return {
        level: 'info',
        message: `ID: ${plain(id)}, Class: ${plain(kind)}, Description: ${plain(description)}`,
        context: {
          CreatedAt: timeText(about['created_at']),
          Err: about['err'],
          Location: about['location'],
          MayCancel: about['may_cancel'],
          Metadata: about['metadata'] ?? {},
          Resources: about['resources'] ?? {},
          Status: status,
          StatusCode: status,
          UpdatedAt: timeText(about['updated_at']),
        },
      }
    }
    case 'security': {
      const { level, description, ...rest } = about
      return { level: plain(level), message: plain(description), context: rest }
    }
    default:
      return { level: 'info', message: JSON.stringify(about), context: {} }
  }
}

function lifecycleMessage(about: Readonly<Record<string, unknown>>): string {
  const requestor = about['requestor'] as Readonly<Record<string, unknown>> | undefined
  const who = requestor
    ? `, Requestor: ${plain(requestor['protocol'])}/${plain(requestor['username'])} (${plain(requestor['address'])})`
    : ''
  return `Action: ${plain(about['action'])}, Source: ${plain(about['source'])}${who}`
}

/** `2026-11-23T23:23:14.7Z` as `2026-11-23 23:23:14.7 +0000 UTC`. */
function timeText(value: unknown): string {
  return plain(value).replace(/^([\d-]+)T([\d:.]+)Z$/, '$1 $2 +0000 UTC')
}

/** A value as one word or several: lists in brackets, maps as `map[key:value]` by sorted keys. */
function plain(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return `[${value.map(plain).join(' ')}]`
  if (typeof value !== 'object') return String(value as string | number | boolean)

  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[${pairs.map(([key, item]) => `${key}:${plain(item)}`).join(' ')}]`
}

function quoted(text: string): string {
  return /^[\w\-./@^+]*$/.test(text) ? text : JSON.stringify(text)
}
