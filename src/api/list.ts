import { sync } from './reply.ts'
import type { Reply } from './reply.ts'
import type { Request } from './route.ts'

/** Answers a list: URLs, or with `recursion=1` the objects themselves. Both forms come from the same items. */
export function listReply<T>(
  request: Pick<Request, 'recursion'>,
  items: readonly T[],
  forms: { readonly url: (item: T) => string; readonly object: (item: T) => unknown },
): Reply {
  return sync(request.recursion === 0 ? items.map(forms.url) : items.map(forms.object))
}

/** The URL of something, with `?project=` outside the default project, as LXD writes it. */
export function entityUrl(path: readonly string[], project = 'default'): string {
  const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
  return `/1.0/${path.map(encodeURIComponent).join('/')}${query}`
}

/** Of the URLs of what uses something, those a client may know of: what is in projects that it may view. */
export function visibleUrls(request: Pick<Request, 'may'>, urls: readonly string[]): string[] {
  return urls.filter((url) => {
    const project = new URL(url, 'http://lxd').searchParams.get('project') || 'default'
    return request.may('view', project)
  })
}
