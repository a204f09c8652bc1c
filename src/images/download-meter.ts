import { Transform } from 'node:stream'
import type { TransformCallback } from 'node:stream'
import { unavailable } from '#base/failure.ts'

/** How slow another server may be, and how much more than the image it may send. */
export interface MeterLimits {
  /** Milliseconds between two pieces. */
  readonly idle: number
  /** Milliseconds for the whole, to which comes what `rate` allows for its size. */
  readonly least: number
  /** Bytes a second. */
  readonly rate: number
}

export const meterLimits: MeterLimits = { idle: 30_000, least: 600_000, rate: 32 << 10 }

/** What the form around two files may add to them, in bytes. */
const maxForm = 64 << 10

/** Milliseconds between two reports. */
const reportEvery = 200

/** Lets the bytes of an image through: no more than it may have, no slower than it may come; tells how far it is. */
export class DownloadMeter extends Transform {
  readonly #size: number
  readonly #report: (text: string) => void
  readonly #started = Date.now()
  readonly #deadline: NodeJS.Timeout
  readonly #idle: NodeJS.Timeout
  #done = 0
  #reported = 0

  constructor(size: number, report: (text: string) => void, limits: MeterLimits = meterLimits) {
    super()
    this.#size = size
    this.#report = report
    const late = () => this.destroy(unavailable('The server sends the image too slowly'))
    this.#deadline = setTimeout(late, Math.min(limits.least + (size / limits.rate) * 1000, 2 ** 31 - 1))
    this.#idle = setTimeout(late, limits.idle)
  }

  override _transform(chunk: Buffer, _encoding: string, next: TransformCallback): void {
    this.#done += chunk.length
    if (this.#done > this.#size + maxForm) {
      next(unavailable(`The server sends more than the ${this.#size} bytes that the image has`))
      return
    }
    this.#idle.refresh()
    const now = Date.now()
    if (now - this.#reported >= reportEvery) this.#tell(now)
    next(null, chunk)
  }

  override _flush(next: TransformCallback): void {
    this.#tell(Date.now())
    next()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#deadline)
    clearTimeout(this.#idle)
    done(error)
  }

  /** As LXD's clients show it: `42% (12.34MB/s)`. */
  #tell(now: number): void {
    this.#reported = now
    const percent = Math.min(100, Math.floor((this.#done / this.#size) * 100))
    const speed = this.#done / Math.max(0.001, (now - this.#started) / 1000)
    this.#report(`${percent}% (${(speed / 1e6).toFixed(2)}MB/s)`)
  }
}
