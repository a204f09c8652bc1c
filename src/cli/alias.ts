/**
 * Words with the alias they begin with replaced by what it stands for.
 *
 * Of several that fit the longest wins. In its text, `@ARGS@` stands for the
 * words that follow; without it they are appended.
 */
export function expandAlias(words: readonly string[], aliases: Readonly<Record<string, string>>): readonly string[] {
  const fitting = Object.keys(aliases)
    .map((alias) => ({ alias, parts: alias.split(' ') }))
    .filter(({ parts }) => parts.every((part, at) => words[at] === part))
    .sort((a, b) => b.parts.length - a.parts.length)[0]
  if (fitting === undefined) return words

  const target = splitWords(aliases[fitting.alias]!)
  const rest = words.slice(fitting.parts.length)
  if (!target.includes('@ARGS@')) return [...target, ...rest]
  return target.flatMap((word) => (word === '@ARGS@' ? rest : [word]))
}

/** Words of a line as a shell would split them: single and double quotes keep spaces, a backslash keeps what follows. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''

  for (let at = 0; at < line.length; at++) {
    const letter = line[at]!
    if (letter === quote) quote = ''
    else if (quote !== "'" && letter === '\\' && at + 1 < line.length) word = (word ?? '') + line[++at]!
    else if (quote === '' && (letter === '"' || letter === "'")) {
      quote = letter
      word ??= ''
    } else if (quote === '' && /\s/.test(letter)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + letter
  }
  if (word !== undefined) words.push(word)
  return words
}
