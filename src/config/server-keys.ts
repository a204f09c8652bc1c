import { parseListenAddress } from '#base/listen-address.ts'
import { choice, integer, keyType, string } from './key.ts'

/** The port of the API where an address names none. */
const apiPort = 8443

/** An address to listen on: host[:port], an empty host for all addresses. */
const listenAddress = keyType('address[:port]', (text) => parseListenAddress(text, apiPort))

/** Every key of the server's configuration that has an effect. */
export const serverKeys = {
  'core.https_address': listenAddress({
    doc: 'Where the API listens for remote clients: an address or a host name, the port is 8443 where none is given.\n\nA change is live: the new address is listened on before the old one is given up, and running requests go on. Name one address; `:8443` listens on all of them.',
    scope: 'local',
    live: true,
  }),
  'core.https_tls_min_version': choice(['1.3', '1.2'], {
    doc: 'The oldest version of TLS that remote clients may speak. Not in LXD.',
    default: '1.3',
    live: true,
  }),
  'core.shutdown_timeout': integer({
    doc: 'How many minutes operations get to end when the daemon shuts down.',
    default: '5',
    min: 0,
    max: 60 * 24 * 7,
    live: true,
  }),
  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}
