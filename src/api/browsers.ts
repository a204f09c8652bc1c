import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Door } from '#auth/connections.ts'
import { badRequest, forbidden } from '#base/failure.ts'
import type { Failure } from '#base/failure.ts'
import { errorBody } from './router.ts'
import { statusOf } from './status.ts'

/** What pages in browsers may do with the API: `core.https_allowed_*`. */
export interface BrowserPolicy {
  /** The origins pages may come from; `*` for any. */
  readonly origins: readonly string[]
  readonly methods: string
  readonly headers: string
  readonly credentials: boolean
  /** Names this server goes by, in lower case: a page of its own may only come from one of them. */
  readonly hosts: ReadonlySet<string>
}

/** Pages may do nothing. */
export const noBrowsers: BrowserPolicy = {
  origins: [],
  methods: '',
  headers: '',
  credentials: false,
  hosts: new Set(),
}

/** An error with its status. */
export interface Refusal {
  readonly code: number
  readonly error: Failure
}

/** What was found of a request before anything else is looked at. */
export interface Inspected {
  /** Why it is not answered, with the status that says so. */
  readonly refusal?: Refusal
  /** What any answer to it carries. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** The longest request target, in bytes. */
const maxTarget = 8192

/** A host with or without port, as RFC 9110 section 7.2 has it; names may have underscores, as some hosts' do. */
const hostHeader = /^(?:\[(?<six>[\da-f:.]+)\]|(?<name>[\w.-]+))(?::\d{1,5})?$/i

/**
 * Looks at where a request wants to go and on whose behalf. Browsers send what any page tells them to, with the
 * certificate of their user, and say in `Origin` which page it was: a foreign one is refused, on every door and for
 * every method, websockets included. A page may seem to be the server's own by a name that its author has pointed here
 * (DNS rebinding): so one without a known name is foreign as well. Programs send no `Origin` and may use any name.
 */
export function inspect(request: IncomingMessage, door: Door, policy: BrowserPolicy): Inspected {
  const target = request.url ?? ''
  if (target.length > maxTarget) return refuse(badRequest(`Invalid URL: longer than ${maxTarget} bytes`), 414)
  const host = request.headers.host ?? ''
  const isRemote = !door.startsWith('unix')
  if ((isRemote && host !== '' && !hostHeader.test(host)) || countOf(request, 'host') > 1) {
    return refuse(badRequest('Invalid "Host" header: expected one host name or address'))
  }
  const { origin } = request.headers
  if (origin === undefined) return plain(policy)
  if (countOf(request, 'origin') > 1 || !(isOwn(origin, host, policy) || isAllowed(origin, policy))) {
    return refuse(forbidden(`Requests from the origin ${JSON.stringify(origin.slice(0, 200))} are not allowed`))
  }
  return { headers: [...plain(policy).headers, ...corsHeaders(origin, policy)] }
}

/** Answers a request that is not looked at any further. */
export function answerRefused(response: ServerResponse, { code, error }: Refusal): void {
  const body = `${JSON.stringify(errorBody(code, error))}\n`
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.end(body)
}

function refuse(error: Failure, code = statusOf(error)): Inspected {
  return { refusal: { code, error }, headers: [] }
}

function plain({ credentials }: BrowserPolicy): Inspected {
  return { headers: credentials ? [['access-control-allow-credentials', 'true']] : [] }
}

/** How often a header was sent: of a repeated one only the first is kept in `headers`. */
function countOf({ rawHeaders }: IncomingMessage, name: string): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? ''
    if (sent.length === name.length && sent.toLowerCase() === name) count++
  }
  return count
}

function isOwn(origin: string, host: string, { hosts }: BrowserPolicy): boolean {
  const groups = hostHeader.exec(host)?.groups
  const name = (groups?.['six'] ?? groups?.['name'] ?? '').toLowerCase()
  return origin.toLowerCase() === `https://${host.toLowerCase()}` && (isIP(name) !== 0 || hosts.has(name))
}

function isAllowed(origin: string, { origins }: BrowserPolicy): boolean {
  return origins.includes('*') || origins.includes(origin.toLowerCase())
}

function corsHeaders(origin: string, policy: BrowserPolicy): [string, string][] {
  if (!isAllowed(origin, policy)) return []
  const headers: [string, string][] = [
    ['access-control-allow-origin', policy.origins.includes('*') ? '*' : origin],
    ['vary', 'Origin'],
  ]
  if (policy.methods !== '') headers.push(['access-control-allow-methods', policy.methods])
  if (policy.headers !== '') headers.push(['access-control-allow-headers', policy.headers])
  return headers
}
