import { badRequest } from '#base/failure.ts'
import type { Surroundings } from './surroundings.ts'

/** Tells what is wrong with an answer; undefined where nothing is. */
export type Check = (answer: string) => string | undefined

/** Asks the person at the terminal until the answer is one. Throws where the input ends. */
export class Asker {
  readonly #at: Surroundings

  constructor(at: Surroundings) {
    this.#at = at
  }

  /** An empty answer is the default, where there is one. */
  text(question: string, options: { readonly default?: string; readonly check?: Check } = {}): string {
    const shown = options.default === undefined ? '' : ` [default=${options.default}]`
    for (;;) {
      const answer = this.#read(`${question}${shown}: `).trim() || (options.default ?? '')
      if (answer === '') {
        this.#at.warn('Invalid input, try again.\n\n')
        continue
      }
      const wrong = options.check?.(answer)
      if (wrong === undefined) return answer
      this.#at.warn(`Invalid input: ${wrong}\n\n`)
    }
  }

  /** One of these, spelled as they are; an empty answer is none. */
  oneOf(question: string, choices: readonly string[]): string {
    for (;;) {
      const answer = this.#read(`${question}: `).trim()
      if (choices.includes(answer)) return answer
      this.#at.warn('Invalid input, try again.\n\n')
    }
  }

  yesNo(question: string, byDefault: boolean): boolean {
    const answer = this.choice(question, ['yes', 'no', 'y', 'n'], byDefault ? 'yes' : 'no')
    return answer.startsWith('y')
  }

  /** A new secret, typed twice, that the terminal doesn't show. Nothing is an answer, too. */
  newSecret(question: string): string {
    for (;;) {
      const [first, second] = [this.#readSecret(`${question}: `), this.#readSecret('Again: ')]
      if (first === second) return first
      this.#at.warn('Invalid input, try again.\n\n')
    }
  }

  choice(question: string, choices: readonly string[], byDefault: string): string {
    for (;;) {
      const answer = this.#read(`${question} [default=${byDefault}]: `).trim().toLowerCase() || byDefault
      if (choices.includes(answer)) return answer
      this.#at.warn('Invalid input, try again.\n\n')
    }
  }

  #readSecret(prompt: string): string {
    this.#at.print(prompt)
    const line = this.#at.readSecret()
    if (line === undefined) throw badRequest('EOF')
    return line
  }

  #read(prompt: string): string {
    this.#at.print(prompt)
    const line = this.#at.readLine()
    if (line === undefined) throw badRequest('EOF')
    return line
  }
}

/** Asks for what must not be seen on the terminal. Throws where the input ends. */
export function readSecret(at: Surroundings, prompt: string): string {
  at.print(prompt)
  const answer = at.readSecret()
  if (answer === undefined) throw badRequest('EOF')
  if (!at.terminal.stdin) at.print('\n')
  return answer
}
