import { unavailable } from '#base/failure.ts'

const EMPTY = new Uint8Array(0)

/**
 * The bytes of a source, a stream for one, taken piece by piece as a protocol asks for them.
 *
 * Nothing is read ahead of what was asked for but the chunk that was being
 * looked at, so a slow taker slows the sender down.
 */
export class Incoming {
  readonly #chunks: AsyncIterator<Uint8Array>
  #rest: Uint8Array = EMPTY

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** What is there, at most `limit` bytes, waiting for the first if there is none; undefined at the end. */
  async some(limit = Infinity): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) return undefined
      this.#rest = next.value
    }
    return this.#take(Math.min(limit, this.#rest.length))
  }

  /** Exactly `count` bytes. Throws if the stream ends before. */
  async exactly(count: number): Promise<Uint8Array> {
    if (this.#rest.length >= count) return this.#take(count)

    const whole = new Uint8Array(count)
    for (let at = 0; at < count;) {
      const piece = await this.some(count - at)
      if (piece === undefined) throw unavailable('The server closed the connection in the middle of a message')
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  /**
   * The text up to `mark`, without it; undefined if the stream ends before its first byte.
   * Throws when more than `limit` bytes come without the mark.
   */
  async until(mark: string, limit: number): Promise<string | undefined> {
    for (;;) {
      const rest = asBuffer(this.#rest)
      const end = rest.indexOf(mark, 0, 'latin1')
      if (end > limit || (end < 0 && rest.length > limit)) throw unavailable('The server sent a head that is too long')
      if (end >= 0) {
        const text = rest.toString('latin1', 0, end)
        this.#take(end + mark.length)
        return text
      }

      const next = await this.#chunks.next()
      if (next.done && rest.length === 0) return undefined
      if (next.done) throw unavailable('The server closed the connection in the middle of a message')
      this.#rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value])
    }
  }

  /** All bytes up to `mark`, which is taken and left out. Throws if the stream ends before it. */
  async *upTo(mark: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const rest = asBuffer(this.#rest)
      const end = rest.indexOf(mark)
      if (end >= 0) {
        if (end > 0) yield this.#take(end)
        this.#take(mark.length)
        return
      }

      // The end of what is here may be the beginning of the mark.
      const safe = rest.length - mark.length + 1
      if (safe > 0) yield this.#take(safe)
      const next = await this.#chunks.next()
      if (next.done) throw unavailable('The server closed the connection in the middle of a message')
      this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value])
    }
  }

  #take(count: number): Uint8Array {
    const taken = this.#rest.subarray(0, count)
    this.#rest = count === this.#rest.length ? EMPTY : this.#rest.subarray(count)
    return taken
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
