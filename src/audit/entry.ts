/** Who did something. */
export interface Who {
  /** How it was proved: `unix`, `tls`, `oidc`; `none` for a stranger, `daemon` for the daemon itself. */
  readonly method: string
  readonly id: string
  readonly address: string
  readonly uid?: number | undefined
  readonly pid?: number | undefined
  /** The fingerprint of a certificate that nobody knows. */
  readonly certificate?: string | undefined
}

/** What a line of the audit log tells, but for its place in the log. docs/explanation/audit.md explains each. */
export type AuditEntry =
  /** A request, as it was decided. `route` is the pattern of its path, which holds nothing a client wrote. */
  | {
      readonly event: 'request'
      readonly who: Who
      readonly method: string
      readonly route: string
      readonly project?: string | undefined
      readonly params?: Readonly<Record<string, string>> | undefined
      /** What the client had to be allowed. */
      readonly action: string
      readonly decision: 'allowed' | 'denied'
      /** The status, where the answer is known already. */
      readonly status?: number | undefined
    }
  /** How the request with the number `request` was answered. */
  | {
      readonly event: 'answer'
      readonly request: number
      readonly status: number
      readonly denied?: true | undefined
      readonly operation?: string | undefined
      /** URLs of what it made or works on. */
      readonly objects?: readonly string[] | undefined
    }
  /** The operation or the websocket that a request started is over. */
  | {
      readonly event: 'end'
      readonly request: number
      readonly operation?: string | undefined
      readonly result: string
    }
  | { readonly event: 'login-failed'; readonly who: Who; readonly reason: string }
  /** Who is trusted, or what it may do, has changed. */
  | { readonly event: 'trust-changed'; readonly who: Who; readonly change: string; readonly object: string }
  | { readonly event: 'config-changed'; readonly who: Who; readonly keys: readonly string[] }
  /** So many more lines like those before it, about one address, were left out. */
  | { readonly event: 'left-out'; readonly who: Who; readonly count: number }
  | { readonly event: 'daemon-started' | 'daemon-stopped'; readonly pid: number }
  /** The last line was incomplete and was removed: the daemon was killed while it wrote. */
  | { readonly event: 'log-recovered'; readonly bytes: number }
  /** Lines that should be there are not, or are others. */
  | { readonly event: 'log-broken'; readonly reason: string; readonly expected: number; readonly found: number }
  /** The log could not be written for a while; `lost` entries were not kept. */
  | { readonly event: 'log-resumed'; readonly lost: number }
  /** Lines up to the number `last` were deleted, as there are more files than are to be kept. */
  | { readonly event: 'log-cut'; readonly last: number }

/** The most characters of any text in an entry; what is longer is cut, and says how long it was. */
const maxText = 256

/** The most items of any list in an entry. */
const maxItems = 16

/** A value with every text and list in it cut to size. */
function bounded(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (Array.isArray(value)) {
    const kept: unknown[] = value.slice(0, maxItems).map(bounded)
    return value.length > maxItems ? [...kept, `… (${value.length - maxItems} more)`] : kept
  }
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).slice(0, maxItems)
  return Object.fromEntries(fields.map(([name, field]) => [cut(name), bounded(field)]))
}

function cut(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}… (${text.length})`
}

/**
 * An entry as one line of JSON in plain ASCII, without its end: no text in it, whoever wrote that, can begin a line, hide one
 * or move a terminal's cursor.
 */
export function toJsonLine(fields: object): string {
  return JSON.stringify(bounded(fields)).replaceAll(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
