import { integer, string } from './key.ts'

/** Every key of the server's configuration that has an effect. */
export const serverKeys = {
  'core.shutdown_timeout': integer({
    doc: 'How many minutes operations get to end when the daemon shuts down.',
    default: '5',
    min: 0,
    max: 60 * 24 * 7,
    live: true,
  }),
  'user.*': string({ doc: 'Free text for users and their tools.', live: true }),
}
