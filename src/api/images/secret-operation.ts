import type { Requestor } from '#events/events.ts'
import type { OperationOptions } from '#operations/operation.ts'

/** Milliseconds a secret is good for that nobody uses. */
const lifetime = 3_600_000

/** The operation that stands for a secret about an image, and ends with it: used, revoked by cancelling, or too old. */
export function secretOperation(
  about: {
    readonly project: string
    readonly requestor: Requestor
    readonly fingerprint: string
    readonly secret: string
    readonly metadata?: Readonly<Record<string, unknown>>
  },
  { spent, revoke }: { readonly spent: Promise<void>; readonly revoke: () => void },
): OperationOptions {
  const { project, requestor, fingerprint, secret, metadata = {} } = about
  return {
    description: 'Image download token',
    project,
    requestor,
    resources: { images: [`/1.0/images/${fingerprint}`] },
    metadata,
    privateMetadata: { secret },
    token: true,
    mayCancel: true,
    async work({ signal }) {
      const over = Promise.withResolvers<void>()
      const timer = setTimeout(over.resolve, lifetime)
      signal.addEventListener('abort', () => over.resolve())
      await Promise.race([spent, over.promise])
      clearTimeout(timer)
      revoke()
      signal.throwIfAborted()
    },
  }
}
