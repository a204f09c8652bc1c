import type { Flags, Tree } from '#cli/command.ts'
import { commandHelp } from '#cli/help.ts'
import { page } from './markdown.ts'

/** What `--help` says of every command of a program. */
export async function commandReference(program: string, tree: Tree, flags: Flags): Promise<string> {
  const introduction = `Every command, as \`${program} COMMAND --help\` describes it.`
  return page(program, introduction, await sections(program, tree, flags))
}

async function sections(program: string, tree: Tree, flags: Flags): Promise<string[]> {
  const entries = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))
  const all = entries.map(async ([, entry]): Promise<string[]> => {
    const loaded = await entry.load()
    const below = entry.commands === undefined ? [] : await sections(program, entry.commands, flags)
    if (loaded.kind === 'group') return below
    const help = commandHelp(loaded, { program, flags }).replace(/\n*Global Flags:[\s\S]*$/, '')
    return [`## ${program} ${loaded.name}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``, ...below]
  })
  return (await Promise.all(all)).flat()
}
