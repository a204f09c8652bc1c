import { parseAddress } from '#base/address.ts'
import { parseListenAddress } from '#base/listen-address.ts'
import { bool, choice, integer, keyType, list, parseList } from './key.ts'

/** The port of the API where an address names none. */
const apiPort = 8443

/** The same for metrics, as LXD has it. */
const metricsPort = 9100

/** An address to listen on: host[:port], an empty host for all addresses. */
const listenAddress = (defaultPort: number) =>
  keyType('address[:port]', (text) => parseListenAddress(text, defaultPort))

/** The names in the header that a browser is told; nothing else may get into an answer's headers. */
const tokens = keyType('string', (text) => {
  const items = parseList(text)
  const wrong = items.find((item) => !/^(\*|[\w!#$%&'*+.^`|~-]+)$/.test(item))
  if (wrong !== undefined) throw new Error(`Invalid name "${wrong}": expected names separated by commas`)
  return items.join(', ')
})

function parseOrigin(text: string): string {
  if (text !== '*' && !/^[a-z][a-z\d+.-]*:\/\/[^\s/,"]+$/i.test(text)) {
    throw new Error(`Invalid origin "${text}": expected * or scheme and host, such as https://lxd.example.org`)
  }
  return text.toLowerCase()
}

/** The server's keys about its listeners for remote clients. */
export const listenerKeys = {
  'core.https_address': listenAddress(apiPort)({
    doc: 'Where the API listens for remote clients: an address or a host name, the port is 8443 where none is given.\n\nA change is live: the new address is listened on before the old one is given up, and running requests go on. Name one address; `:8443` listens on all of them.',
    scope: 'local',
    live: true,
  }),
  'core.https_allowed_credentials': bool({
    doc: 'Whether pages of `core.https_allowed_origin` may use the credentials of the browser (`Access-Control-Allow-Credentials`).',
    default: 'false',
    live: true,
  }),
  'core.https_allowed_headers': tokens({
    doc: 'Headers that pages of `core.https_allowed_origin` may send (`Access-Control-Allow-Headers`).',
    live: true,
  }),
  'core.https_allowed_methods': tokens({
    doc: 'Methods that pages of `core.https_allowed_origin` may use (`Access-Control-Allow-Methods`).',
    live: true,
  }),
  'core.https_allowed_origin': list(parseOrigin, {
    doc: 'Origins whose pages may use the API from a browser, separated by commas; `*` for any.\n\nRequests that a browser sends for other pages are refused.',
    live: true,
  }),
  'core.https_max_connections': integer({
    doc: 'How many remote clients may be connected at a time. Not in LXD.',
    default: '4096',
    min: 10,
    max: 1_000_000,
    scope: 'local',
    live: true,
  }),
  'core.https_max_connections_per_address': integer({
    doc: 'How many connections one address (one /64 network, with IPv6) may have without having shown a trusted certificate or token. Beyond that, its oldest idle one is closed for a new one. Not in LXD.',
    default: '512',
    min: 1,
    max: 1_000_000,
    scope: 'local',
    live: true,
  }),
  'core.https_max_untrusted_connections': integer({
    doc: 'How many connections there may be of clients that have not shown a trusted certificate or token. Beyond that, the oldest idle one of the address with the most is closed for a new one. Not in LXD.',
    default: '1024',
    min: 1,
    max: 1_000_000,
    scope: 'local',
    live: true,
  }),
  'core.https_tls_min_version': choice(['1.3', '1.2'], {
    doc: 'The oldest version of TLS that remote clients may speak. Not in LXD.',
    default: '1.3',
    scope: 'local',
    live: true,
  }),
  'core.https_trusted_proxy': list((text) => parseAddress(text), {
    doc: 'IP addresses of proxies that may say for whom they connect (PROXY protocol, version 1 or 2), separated by commas. From any other address this is refused.',
    live: true,
  }),
  'core.metrics_address': listenAddress(metricsPort)({
    doc: 'Where metrics are served besides: an address or a host name, the port is 9100 where none is given. Nothing but `/1.0/metrics` is answered there.',
    scope: 'local',
    live: true,
  }),
  'core.metrics_authentication': bool({
    doc: 'Whether metrics are for trusted clients only: certificates of the type `metrics`, and clients that may see the server. Without it they are for everyone.',
    default: 'true',
    live: true,
  }),
}
