import { keyType, string } from './key.ts'

const maxLength = 2000

/** The URL of a provider, as it writes it itself. Tokens don't travel unencrypted, but within one machine. */
const issuer = keyType('URL', (text) => {
  const url = text.length <= maxLength ? URL.parse(text) : null
  if (!url || !isConfidential(url) || url.username || url.password || url.search || url.hash) {
    throw new Error(`Invalid issuer ${JSON.stringify(text.slice(0, 100))}: expected an https URL`)
  }
  return text
})

/** Whether nobody on the way can read or change what is got from there: it is encrypted, or on this machine. */
export function isConfidential({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

/** The server's keys about users of an OpenID Connect provider. */
export const oidcKeys = {
  'oidc.audience': string({
    doc: 'The audience that tokens must be made out for. Where unset, they must be made out for, or to, `oidc.client.id`.',
    live: true,
    check: checkLine,
  }),
  'oidc.client.id': string({
    doc: 'The id under which the provider knows the clients of this server. Together with `oidc.issuer` it lets users of the provider in.',
    live: true,
    check: checkLine,
  }),
  'oidc.groups.claim': string({
    doc: 'The claim of a token that lists the groups the user is in at the provider. `lxc auth identity-provider-group` maps them to groups.',
    live: true,
    check: checkLine,
  }),
  'oidc.issuer': issuer({
    doc: 'The URL of the OpenID Connect provider whose users may come in with its tokens, exactly as the provider writes it.\n\nWhat they may do is up to the groups they are in: whoever comes is known, and may nothing.',
    live: true,
  }),
}

/** What goes out as a header. */
function checkLine(text: string): void {
  if (text.length > maxLength || !/^[\x20-\x7e]*$/.test(text)) {
    throw new Error(
      `Invalid value ${JSON.stringify(text.slice(0, 100))}: expected at most ${maxLength} characters of plain text`,
    )
  }
}
