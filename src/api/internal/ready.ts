import { done } from '../reply.ts'
import { route } from '../route.ts'

/** Answers once the daemon is up, which is what `lxd waitready` asks. */
export const ready = route('/internal/ready', {
  get: { doc: 'Tell whether the daemon is ready.', access: 'admin', handle: () => done() },
})
