import { badRequest } from '#base/failure.ts'

/** The port where LXD listens, unless told otherwise. */
const PORT = 8443

/**
 * The address of an LXD server as `config.yml` keeps it, from what a user
 * typed: a host, a host and port, an `https` URL, or a socket's path or `unix:`
 * URL.
 */
export function normaliseServerUrl(text: string): string {
  if (text.startsWith('unix:')) return `unix://${text.replace(/^unix:(?:\/\/)?/, '')}`
  if (text.startsWith('/')) return `unix://${text}`

  const scheme = /^([A-Za-z][\w+.-]*):\/\//.exec(text)?.[1]
  if (scheme !== undefined && scheme.toLowerCase() !== 'https') {
    throw badRequest(`Invalid URL scheme "${scheme}" in "${text}"`)
  }

  const rest = scheme === undefined ? text : text.slice(scheme.length + 3)
  const host = rest.split(/[/?#]/)[0]!
  const url = URL.parse(`https://${isBareAddress(host) ? `[${host}]` : host}`)
  if (url === null || url.hostname === '' || /[\s\\%]/.test(host)) {
    throw badRequest(`Invalid server address "${text}": expected a host, a host and its port, or an https:// URL`)
  }
  // 443 is what the URL's port is when it is given and when it is not.
  const port = url.port || (/:0*443$/.test(host) ? '443' : String(PORT))
  return `https://${url.hostname}:${port}`
}

/** The address of an image server: any `https` URL. */
export function normaliseImagesUrl(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:' || url.hostname === '') {
    throw badRequest('Only https URLs are supported for simplestreams')
  }
  return text.replace(/\/+$/, '')
}

/** An IPv6 address without the brackets that a URL wants. */
function isBareAddress(host: string): boolean {
  return /^[\da-fA-F:]+(?:\.[\d.]+)?$/.test(host) && host.split(':').length > 2
}

/**
 * Throws unless `name` can be the name of a remote: it names files, and stands before the colon of `remote:thing`.
 */
export function checkRemoteName(name: string): void {
  if (name.includes(':')) throw badRequest('Remote names may not contain colons')
  if (!isSafeRemoteName(name)) {
    throw badRequest(
      `Invalid remote name ${JSON.stringify(name)}: expected 1 to 200 characters without "/", none of them for control, and not "." or ".."`,
    )
  }
}

/** Whether files may be named after a remote: `config.yml` can be written by others than us. */
export function isSafeRemoteName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return name.length > 0 && name.length <= 200 && !/[/\u0000-\u001f\u007f-\u009f]/.test(name) && !/^\.\.?$/.test(name)
}
