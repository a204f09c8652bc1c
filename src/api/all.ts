import { events } from './events/events.ts'
import { instance } from './instances/instance.ts'
import { instanceState } from './instances/instance-state.ts'
import { instances } from './instances/instances.ts'
import { ready } from './internal/ready.ts'
import { shutdown } from './internal/shutdown.ts'
import { operation } from './operations/operation.ts'
import { operationWait } from './operations/operation-wait.ts'
import { operationWebsocket } from './operations/operation-websocket.ts'
import { operations } from './operations/operations.ts'
import type { Route } from './route.ts'

/** Every path of the API. */
export const routes: readonly Route[] = [
  events,
  instance,
  instanceState,
  instances,
  operation,
  operationWait,
  operationWebsocket,
  operations,
  ready,
  shutdown,
]
