import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const src = fileURLToPath(new URL('../src/', import.meta.url))

/** Each layer and those right below it: it may import these and whatever these may import. */
const below: Readonly<Record<string, readonly string[]>> = {
  base: [],
  config: ['base'],
  schema: ['config'],
  firewall: ['base'],
  host: ['base'],
  guest: ['host'],
  lxc: ['host'],
  store: ['schema'],
  events: ['schema'],
  warnings: ['events', 'store'],
  audit: ['warnings'],
  operations: ['firewall', 'guest', 'lxc', 'audit'],
  auth: ['operations'],
  server: ['operations'],
  projects: ['operations', 'auth'],
  profiles: ['projects'],
  storage: ['profiles'],
  networks: ['profiles'],
  images: ['profiles', 'storage'],
  devices: ['storage', 'networks', 'images'],
  instances: ['devices'],
  cluster: ['instances', 'server'],
  api: ['cluster'],
  devlxd: ['cluster'],
  daemon: ['api', 'devlxd'],
  client: ['base', 'schema'],
  cli: ['client'],
}

/** Which files may use what: paths below `src/`. What is on no list is used by nobody. */
const guarded: readonly { readonly what: string; readonly use: RegExp; readonly allowed: RegExp }[] = [
  {
    what: 'node:child_process',
    use: /['"](?:node:)?child_process['"]/,
    // Besides run.ts, launchers of what lives longer than a call; the client starts the user's editor.
    allowed: /^host\/(run|launch|daemons)\.ts$|^host\/[\w-]+-process\.ts$|^cli\/surroundings\.ts$/,
  },
  { what: 'koffi', use: /['"]koffi['"]/, allowed: /^(host\/(native|syscalls(-[a-z-]+)?)\.ts|lxc\/)/ },
  { what: 'node:sqlite', use: /['"]node:sqlite['"]/, allowed: /^store\/sqlite\.ts$/ },
  // Files called …-main.ts are the mains of helper processes.
  { what: 'process.env, argv or exit', use: /\bprocess\.(env\b|argv\b|exit\()/, allowed: /^[a-z]+\/[a-z-]+-main\.ts$/ },
]

/** Folders whose files are all found through the list in their `all.ts`. */
const listed = [
  'api',
  'devices',
  'storage/drivers',
  'networks/types',
  'images/sources',
  'instances/features',
  'cli',
  'cli/lxd',
]

interface Source {
  /** Path below `src/`. */
  readonly path: string
  readonly layer: string
  readonly text: string
  /** What is imported, as written. */
  readonly imports: readonly string[]
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

/** The code without comments; strings that look like comments don't occur in import lines. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
}

const sources: readonly Source[] = globSync('**/*.ts', { cwd: src }).map((path) => {
  const text = withoutComments(readFileSync(join(src, path), 'utf8'))
  const imports = [...text.matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!)
  return { path, layer: path.split('/')[0]!, text, imports }
})

/** The path below `src/` that an import means, or undefined for a package. */
function resolve(from: Source, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return specifier.startsWith('.') ? normalize(join(dirname(from.path), specifier)) : undefined
}

function mayImport(layer: string): ReadonlySet<string> {
  return new Set((below[layer] ?? []).flatMap((next) => [next, ...mayImport(next)]))
}

/** The complaints about each file, one a line, none of them wanted. */
function none(complaints: readonly string[]): void {
  assert.deepEqual(complaints, [])
}

test('every folder of src is a layer of the design', () => {
  none(sources.filter(({ layer }) => below[layer] === undefined).map(({ path }) => path))
})

test('imports across layers run one way', () => {
  none(
    sources.flatMap((source) => {
      const allowed = mayImport(source.layer)
      return source.imports
        .filter((specifier) => specifier.startsWith('#'))
        .map((specifier) => specifier.slice(1).split('/')[0]!)
        .filter((layer) => layer !== source.layer && !allowed.has(layer))
        .map((layer) => `${source.path} must not import ${layer}`)
    }),
  )
})

test('imports say whether they leave their layer: #layer/file.ts does, ./file.ts does not', () => {
  none(
    sources.flatMap((source) =>
      source.imports
        .map((specifier) => ({ specifier, target: resolve(source, specifier) }))
        .filter(({ target }) => target !== undefined)
        .filter(({ specifier, target }) => specifier.startsWith('#') === target!.startsWith(`${source.layer}/`))
        // A test may fetch what all tests share.
        .filter(({ target }) => !(isTest(source.path) && target!.startsWith('../tests/')))
        .map(({ specifier }) => `${source.path}: ${specifier}`),
    ),
  )
})

for (const { what, use, allowed } of guarded) {
  test(`${what} is used only where it belongs`, () => {
    const users = sources.filter(({ path, text }) => !isTest(path) && use.test(text))
    none(users.filter(({ path }) => !allowed.test(path)).map(({ path }) => path))
  })
}

test('names tell what is inside', () => {
  const empty = /^(index|utils?|types|helpers?|misc|manager)\.ts$/
  none(
    sources.flatMap(({ path, text }) => {
      const name = path.split('/').at(-1)!
      const vague = /\bclass (\w*(?:Manager|Helper))\b/.exec(text)?.[1]
      return [
        ...(empty.test(name) ? [`${path}: a name that says nothing`] : []),
        ...(/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(name) ? [] : [`${path}: not in kebab-case`]),
        ...(vague === undefined ? [] : [`${path}: class ${vague}`]),
      ]
    }),
  )
})

/** All files that `path` imports, and what these import. */
function reachable(path: string, seen: Set<string> = new Set()): ReadonlySet<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  const source = sources.find((candidate) => candidate.path === path)
  for (const specifier of source?.imports ?? []) {
    const target = resolve(source!, specifier)
    if (target !== undefined) reachable(target, seen)
  }
  return seen
}

/** What a list leads to, and what those lead to who read the list: all that is in use around it. */
function inUse(list: string): ReadonlySet<string> {
  const readers = sources.filter(({ path }) => !isTest(path) && reachable(path).has(list))
  return new Set(readers.flatMap(({ path }) => [...reachable(path)]))
}

for (const folder of listed) {
  const list = `${folder}/all.ts`
  test(`${list} leaves nothing out`, { skip: !existsSync(join(src, list)) && 'not there yet' }, () => {
    const used = inUse(list)
    const inner = listed.filter((other) => other.startsWith(`${folder}/`))
    const files = sources.filter(
      ({ path }) =>
        path.startsWith(`${folder}/`) && !isTest(path) && !inner.some((other) => path.startsWith(`${other}/`)),
    )
    none(files.filter(({ path }) => !used.has(path)).map(({ path }) => `${path} is not in ${list}`))
  })
}
