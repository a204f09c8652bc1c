import { PassThrough } from 'node:stream'
import type { ConfinedProcess } from '#host/confined-process.ts'
import type { GuestFiles } from './guest-files.ts'
import { serveSftp } from './sftp-server.ts'

/** Serves directories from within this process. All containers that run share one. */
export class FakeGuestFiles implements GuestFiles {
  readonly #running: string

  constructor(running: string) {
    this.#running = running
  }

  inside(): ConfinedProcess {
    return this.at(this.#running)
  }

  at(directory: string): ConfinedProcess {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const ended = serveSftp(input, output, directory).then(
      () => '',
      (error: Error) => error.message,
    )
    return { input, output, ended, kill: () => input.end() }
  }
}
