// Writes docs/reference and the numbers in README.md from what the code declares. `--check` writes nothing and fails
// where a file is not as it would be written.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { routes } from '#api/all.ts'
import { all as lxcCommands } from '#cli/all.ts'
import { all as lxdCommands } from '#cli/lxd/all.ts'
import { daemonFlags } from '#cli/lxd/lxd.ts'
import { globalFlags } from '#cli/parse.ts'
import { answerCount, pairsOf } from '../tests/api/access-table.ts'
import { callerNames } from '../tests/api/impersonation.ts'
import { pairs, servedPairs } from '../tests/api/surface.ts'
import { apiReference } from './reference/api.ts'
import { commandReference } from './reference/commands.ts'
import { configurationReference } from './reference/configuration.ts'
import { openApi } from './reference/openapi.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = 'docs/reference'
const marker = '<!-- api-pairs -->'
const accessMarker = '<!-- access-table -->'

/** README.md with the counts in the lines that bear the markers. That of served pairs never goes down. */
function readme(): string {
  const text = readFileSync(`${root}README.md`, 'utf8')
  const lineOf = (end: string) => {
    const line = text.split('\n').find((one) => one.endsWith(end))
    if (line === undefined) throw new Error(`README.md has no line that ends in ${end}`)
    return line
  }
  const line = lineOf(marker)
  const before = Number(/\d+/.exec(line)?.[0] ?? 0)
  const served = servedPairs(routes).size
  if (served < before) throw new Error(`README.md promises ${before} pairs of method and path, ${served} are served`)
  const access = `  ${answerCount(routes)} answers to ${pairsOf(routes).length} requests from ${callerNames.length} kinds of client are compared. ${accessMarker}`
  return text
    .replace(line, `${served} of the ${pairs.size} pairs of method and path in LXD 5.0's API are served. ${marker}`)
    .replace(lineOf(accessMarker), access)
}

const generated: Readonly<Record<string, string>> = {
  'README.md': readme(),
  [`${folder}/api.md`]: apiReference(routes),
  [`${folder}/openapi.json`]: openApi(routes),
  [`${folder}/configuration.md`]: configurationReference(),
  [`${folder}/lxc.md`]: await commandReference('lxc', lxcCommands, globalFlags),
  [`${folder}/lxd.md`]: await commandReference(
    'lxd',
    lxdCommands('', { isNeeded: async () => false, verifyAudit: async () => Promise.reject(new Error('not here')) }),
    daemonFlags,
  ),
}

function current(path: string): string | undefined {
  try {
    return readFileSync(root + path, 'utf8')
  } catch {
    return undefined
  }
}

mkdirSync(root + folder, { recursive: true })
const stale = Object.keys(generated).filter((path) => current(path) !== generated[path])
const left = readdirSync(root + folder)
  .map((name) => `${folder}/${name}`)
  .filter((path) => !Object.hasOwn(generated, path))

if (!process.argv.includes('--check')) {
  for (const path of stale) writeFileSync(root + path, generated[path]!)
  for (const path of left) rmSync(root + path)
} else if (stale.length + left.length > 0) {
  console.log(`Not as the code declares: ${[...stale, ...left].join(', ')}. To write them anew: npm run generate`)
  process.exitCode = 1
}
