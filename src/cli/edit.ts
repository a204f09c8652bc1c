import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { badRequest, explain } from '#base/failure.ts'

import { splitWords } from './alias.ts'
import { readYaml } from './read-yaml.ts'
import { arrange, type Shape } from './shape.ts'
import type { Surroundings } from './surroundings.ts'
import { writeYaml } from './yaml.ts'

/** Something a user changes as a YAML document. */
export interface Edit {
  readonly at: Surroundings
  /** What of the document counts. */
  readonly shape: Shape
  /** What stands above the document in an editor, as comments. */
  readonly help: string
  /** Reads what the editor starts with. */
  readonly load: () => Promise<unknown>
  /** Stores what the document says. What it throws takes an editor's user back to the text. */
  readonly save: (document: Record<string, unknown>) => Promise<void>
}

/** Takes the document from standard input, or has it edited where that is a terminal. */
export async function edit({ at, shape, help, load, save }: Edit): Promise<void> {
  if (!at.terminal.stdin) {
    await save(await readYaml(shape, Buffer.from(at.readInput()).toString()))
    return
  }

  const heading = help
    .trim()
    .split('\n')
    .map((line) => (line === '' ? '###' : `### ${line}`))
    .join('\n')
  let text = `${heading}\n\n${writeYaml(arrange(shape, await load()))}`
  for (;;) {
    text = await editText(text, at)
    try {
      await save(await readYaml(shape, text))
      return
    } catch (error) {
      at.warn(`Cannot apply the change: ${explain(error)}\n`)
      at.print('Press enter to open the editor again or ctrl+c to abort change\n')
      if (at.readLine() === undefined) throw error
    }
  }
}

async function editText(text: string, at: Surroundings): Promise<string> {
  const directory = mkdtempSync(join(at.env['TMPDIR'] || tmpdir(), 'lxc-edit-'))
  try {
    const file = join(directory, 'document.yaml')
    writeFileSync(file, text, { mode: 0o600 })

    const [program = 'vi', ...args] = splitWords(at.env['VISUAL'] || at.env['EDITOR'] || 'editor')
    const code = await at.runOnTerminal(program, [...args, file])
    if (code !== 0) throw badRequest(`The editor "${program}" failed with exit code ${code}`)
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
