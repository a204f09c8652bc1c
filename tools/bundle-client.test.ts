import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

import { bundle } from './bundle-client.ts'

const root = mkdtempSync(join(tmpdir(), 'bundle-'))
after(() => rmSync(root, { recursive: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function run(...args: readonly string[]): string {
  return execFileSync(process.execPath, [join(root, 'bin/.cache/main.cjs'), ...args], { encoding: 'utf8' })
}

write('package.json', '{"type":"module","imports":{"#*":"./src/*"}}')
write(
  'bin/main.ts',
  `import { greet as hello, type Name } from '#greet.ts'

const name: Name = process.argv[2] ?? 'nobody'
const { loud } = await import('#loud.ts')
console.log(loud(hello(name)))
`,
)
write(
  'src/greet.ts',
  `import { basename } from 'node:path'

import { mark } from './deep/mark.ts'

export type Name = string
export function greet(name: Name): string {
  return \`hello \${basename(name)}\${mark}\`
}
`,
)
write('src/deep/mark.ts', "export const mark = '!'\n")
write('src/loud.ts', 'export const loud = (text: string): string => text.toUpperCase()\n')

test('a bundle does what its sources do, and the sources themselves once they have changed', () => {
  write('bin/.cache/main.cjs', bundle(root, 'bin/main.ts'))
  assert.equal(run('/home/ann'), 'HELLO ANN!\n')

  write('src/loud.ts', 'export const loud = (text: string): string => text.toUpperCase() + text\n')
  assert.equal(run('ann'), 'HELLO ANN!hello ann!\n')

  rmSync(join(root, 'src/deep'), { recursive: true })
  write('src/greet.ts', 'export type Name = string\nexport const greet = (name: Name): string => name\n')
  assert.equal(run('ann'), 'ANNann\n')
})

test('what there is no rule for is refused, not dropped', () => {
  write('bin/main.ts', "import * as all from '#loud.ts'\nconsole.log(all)\n")

  assert.throws(() => bundle(root, 'bin/main.ts'), /Cannot bundle "bin\/main.ts": no rule for "import \* as all/)
})
