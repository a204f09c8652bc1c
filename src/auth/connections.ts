import type { Socket } from 'node:net'

/** Which of the daemon's doors a connection came through. */
export type Door = 'unix' | 'unix-user' | 'tls' | 'metrics'

/** What is known of a connection before anything was said on it. */
export interface Connection {
  readonly door: Door
  /** `ADDRESS:PORT` of the client, as a trusted proxy has it where there is one; `@` on a Unix socket. */
  readonly address: string
}

/** Whether a connection may stay. */
type Admit = (socket: Socket, connection: Connection) => boolean

/** The open connections of all listeners. Each listener tells of its own before it reads from them. */
export class Connections {
  readonly #open = new Map<Socket, Connection>()
  readonly #admit: Admit

  constructor(options: { readonly admit?: Admit } = {}) {
    this.#admit = options.admit ?? (() => true)
  }

  /** Takes note of a connection, or cuts off one that may not stay. */
  add(socket: Socket, connection: Connection): void {
    if (!this.#admit(socket, connection)) {
      socket.destroy()
      return
    }
    this.#open.set(socket, connection)
    socket.once('close', () => this.#open.delete(socket))
  }

  /** All that are open, oldest first. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#open.values()
  }

  /** What is known of a connection; one that no listener told of is nobody's, and gets nothing. */
  get(socket: Socket): Connection | undefined {
    return this.#open.get(socket)
  }
}
