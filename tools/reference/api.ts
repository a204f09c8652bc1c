import type { Route } from '#api/route.ts'
import { page, table } from './markdown.ts'

const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete'] as const

interface Served {
  readonly path: string
  readonly verb: string
  readonly doc: string
  readonly access: string
}

/** Every method of every path, in the order of the paths. */
function methodsOf(routes: readonly Route[]): Served[] {
  return routes
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .flatMap((route) => [
      ...verbs.flatMap((verb) => {
        const method = route[verb]
        return method ? [{ path: route.path, verb, doc: method.doc, access: method.access }] : []
      }),
      ...(route.upgrade
        ? [
            {
              path: route.path,
              verb: 'websocket',
              doc: route.upgrade.doc,
              access: route.upgrade.access,
            },
          ]
        : []),
    ])
}

export function apiReference(routes: readonly Route[]): string {
  const rows = methodsOf(routes).map(({ path, verb, doc, access }) => [
    `\`${verb.toUpperCase()} ${path}\``,
    doc,
    access,
  ])
  return page(
    'REST API',
    `What the daemon answers, on the Unix socket. Paths, envelopes and status codes are those of LXD 5.0. The last column
says who may call a method: \`untrusted\` anyone, \`authenticated\` any trusted client, the others need that permission
in the project of the request; \`admin\` is full control of the server. The same as OpenAPI: [openapi.json](openapi.json).`,
    [table(['Method and path', 'What it does', 'Access'], rows)],
  )
}
