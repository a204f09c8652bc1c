import assert from 'node:assert/strict'
import type { Route } from '#api/route.ts'
import { callerNames } from './impersonation.ts'
import type { Caller, RawAnswer } from './impersonation.ts'

/**
 * Who may call what: a row for each method and websocket of each route, a column for each kind of client.
 *
 * Four marks stand for the same thing asked for in the project "default" (or in none), in the project p1, in another
 * that is not the client's, and in one that doesn't exist. `+` is let through, `-` is told that it is not authorized (403), and to `0` it is not
 * there (404). Where the last two marks are the same, the answers are the same to the byte.
 */
const table = `
                                                              anon metr unna rest |------- p1 ------| |---- server -----|
method and path                                                                   view oper mana admi view oper mana admi
GET /                                                         ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ +++0 +++0 +++0 +++0
GET /1.0                                                      ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ +++0 +++0 +++0 +++0
PUT /1.0                                                      ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0                                                    ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/groups                                          ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
POST /1.0/auth/groups                                         ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/groups/{name}                                   ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
POST /1.0/auth/groups/{name}                                  ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PUT /1.0/auth/groups/{name}                                   ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0/auth/groups/{name}                                 ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
DELETE /1.0/auth/groups/{name}                                ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/identities                                      ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
GET /1.0/auth/identities/current                              ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
GET /1.0/auth/identities/{method}                             ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
POST /1.0/auth/identities/{method}                            ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/identities/{method}/{id}                        ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
PUT /1.0/auth/identities/{method}/{id}                        ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0/auth/identities/{method}/{id}                      ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
DELETE /1.0/auth/identities/{method}/{id}                     ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/identity-provider-groups                        ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
POST /1.0/auth/identity-provider-groups                       ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/identity-provider-groups/{name}                 ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
POST /1.0/auth/identity-provider-groups/{name}                ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PUT /1.0/auth/identity-provider-groups/{name}                 ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0/auth/identity-provider-groups/{name}               ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
DELETE /1.0/auth/identity-provider-groups/{name}              ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/auth/permissions                                     ---- ---- ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
GET /1.0/certificates                                         ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
POST /1.0/certificates                                        ---- ---- ++++ ++++ ++++ ++++ ++++ ++++ +++0 +++0 +++0 +++0
GET /1.0/certificates/{fingerprint}                           ---- ---- 0000 0000 0000 0000 0000 0000 +++0 +++0 +++0 +++0
PUT /1.0/certificates/{fingerprint}                           ---- ---- 0000 0000 0000 0000 0000 0000 ---0 ---0 ---0 +++0
PATCH /1.0/certificates/{fingerprint}                         ---- ---- 0000 0000 0000 0000 0000 0000 ---0 ---0 ---0 +++0
DELETE /1.0/certificates/{fingerprint}                        ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/events                                               ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
UPGRADE /1.0/events                                           ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
GET /1.0/images                                               ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ +++0 +++0 +++0 +++0
POST /1.0/images                                              ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/images/aliases                                       ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ +++0 +++0 +++0 +++0
POST /1.0/images/aliases                                      ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/images/aliases/{name}                                0000 0000 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/images/aliases/{name}                               ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PUT /1.0/images/aliases/{name}                                ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PATCH /1.0/images/aliases/{name}                              ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
DELETE /1.0/images/aliases/{name}                             ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/images/{fingerprint}                                 0000 0000 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
PUT /1.0/images/{fingerprint}                                 ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PATCH /1.0/images/{fingerprint}                               ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
DELETE /1.0/images/{fingerprint}                              ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/images/{fingerprint}/export                          0000 0000 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/images/{fingerprint}/export                         ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
POST /1.0/images/{fingerprint}/refresh                        ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
POST /1.0/images/{fingerprint}/secret                         ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/instances                                            ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/instances                                           ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PUT /1.0/instances                                            ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/instances/{name}                                     ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/instances/{name}                                    ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PUT /1.0/instances/{name}                                     ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PATCH /1.0/instances/{name}                                   ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
DELETE /1.0/instances/{name}                                  ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/instances/{name}/console                             ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/instances/{name}/console                            ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
DELETE /1.0/instances/{name}/console                          ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
POST /1.0/instances/{name}/exec                               ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/instances/{name}/files                               ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
HEAD /1.0/instances/{name}/files                              ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
POST /1.0/instances/{name}/files                              ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
DELETE /1.0/instances/{name}/files                            ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/instances/{name}/logs                                ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/instances/{name}/logs/{filename}                     ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
DELETE /1.0/instances/{name}/logs/{filename}                  ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/instances/{name}/sftp                                ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
UPGRADE /1.0/instances/{name}/sftp                            ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/instances/{name}/state                               ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
PUT /1.0/instances/{name}/state                               ---- ---- 0000 0+00 0-00 0+00 0+00 0+00 ---0 +++0 +++0 +++0
GET /1.0/metrics                                              ---- +++0 ---- ---- ---- ---- ---- ---- +++0 +++0 +++0 +++0
GET /1.0/networks                                             ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/networks                                            ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 +++0 +++0
GET /1.0/networks/{name}                                      ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/networks/{name}                                     ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 +++0 +++0
PUT /1.0/networks/{name}                                      ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 +++0 +++0
PATCH /1.0/networks/{name}                                    ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 +++0 +++0
DELETE /1.0/networks/{name}                                   ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 +++0 +++0
GET /1.0/networks/{name}/leases                               ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/networks/{name}/state                                ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/operations                                           ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
GET /1.0/operations/{id}                                      ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
DELETE /1.0/operations/{id}                                   ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/operations/{id}/wait                                 ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/operations/{id}/websocket                            ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++ ++++
UPGRADE /1.0/operations/{id}/websocket                        ---- ---- 0000 0-00 0-00 0-00 0-00 0-00 ---0 ---0 ---0 ---0
GET /1.0/profiles                                             ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/profiles                                            ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/profiles/{name}                                      ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/profiles/{name}                                     ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PUT /1.0/profiles/{name}                                      ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
PATCH /1.0/profiles/{name}                                    ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
DELETE /1.0/profiles/{name}                                   ---- ---- 0000 0+00 0-00 0-00 0+00 0+00 ---0 ---0 +++0 +++0
GET /1.0/projects                                             ---- ---- +000 ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
POST /1.0/projects                                            ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/projects/{name}                                      ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
POST /1.0/projects/{name}                                     ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- -+++
PUT /1.0/projects/{name}                                      ---- ---- 0000 0-00 0-00 0-00 0-00 0+00 ---0 ---0 ---0 +++0
PATCH /1.0/projects/{name}                                    ---- ---- 0000 0-00 0-00 0-00 0-00 0+00 ---0 ---0 ---0 +++0
DELETE /1.0/projects/{name}                                   ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- -++0
GET /1.0/projects/{name}/state                                ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/resources                                            ---- ---- ---- ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
GET /1.0/storage-pools                                        ---- ---- ---- ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
POST /1.0/storage-pools                                       ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/storage-pools/{name}                                 ---- ---- ---- ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
PUT /1.0/storage-pools/{name}                                 ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0/storage-pools/{name}                               ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
DELETE /1.0/storage-pools/{name}                              ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/storage-pools/{name}/resources                       ---- ---- ---- ++00 ++00 ++00 ++00 ++00 +++0 +++0 +++0 +++0
GET /1.0/storage-pools/{pool}/volumes                         ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/storage-pools/{pool}/volumes/{type}                  ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/storage-pools/{pool}/volumes/{type}/{volume}         ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/storage-pools/{pool}/volumes/{type}/{volume}/state   ---- ---- 0000 0+00 0+00 0+00 0+00 0+00 +++0 +++0 +++0 +++0
GET /1.0/warnings                                             ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /1.0/warnings/{uuid}                                      ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PUT /1.0/warnings/{uuid}                                      ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PATCH /1.0/warnings/{uuid}                                    ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
DELETE /1.0/warnings/{uuid}                                   ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /internal/audit                                           ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
GET /internal/ready                                           ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
PUT /internal/shutdown                                        ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- ---- +++0
`

/** The marks of each kind of client in one row. */
export type Row = Readonly<Record<Caller, string>>

/** The mark that the table has for an answer. */
export function mark({ status, text }: RawAnswer, what: string): '+' | '-' | '0' {
  assert.ok(status < 500 || status === 501, `${what}: ${status} ${text}`)
  // An answer of Node's own parser would mark nothing. One to HEAD has no body.
  if (status >= 400 && !what.includes('HEAD')) assert.equal(JSON.parse(text).error_code, status, what)
  assert.notEqual(status, 401, what)
  return status === 403 ? '-' : status === 404 ? '0' : '+'
}

const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete', 'upgrade'] as const

/** Each method and websocket of each route, as the table has it. */
export function pairsOf(routes: readonly Route[]): readonly string[] {
  return routes.flatMap((route) =>
    verbs.filter((verb) => route[verb]).map((verb) => `${verb.toUpperCase()} ${route.path}`),
  )
}

/** How many answers the table foretells. */
export function answerCount(routes: readonly Route[]): number {
  return pairsOf(routes).length * callerNames.length * 4
}

/** Instances used to be called containers, and those paths are served alike. */
export function rowOf(pair: string): string {
  return pair.replace(' /1.0/containers', ' /1.0/instances')
}

/** A row as it stands in the table. */
export function rowText(pair: string, row: Row): string {
  return `${pair.padEnd(62)}${callerNames.map((name) => row[name]).join(' ')}`
}

function readRow(line: string): [string, Row] {
  const words = line.split(/ +/)
  const marks = words.splice(2)
  if (marks.length !== callerNames.length) throw new Error(`Not a mark for each kind of client: ${line}`)
  return [words.join(' '), Object.fromEntries(callerNames.map((name, index) => [name, marks[index]])) as Row]
}

/** The table, by pairs such as `GET /1.0/instances`. */
export const accessTable: ReadonlyMap<string, Row> = new Map(table.trim().split('\n').slice(2).map(readRow))
