// Writes `bin/.cache/lxc.cjs`: the client in one file, types stripped, for `bin/lxc` to start where it is there. Finding
// and linking some twenty modules takes Node half as long as all else it does for `lxc list`.
//
// The sources stay what runs: the bundle knows the time and size of each file it was made from, and hands over to
// `bin/lxc.ts` when one is no longer the same.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Module {
  /** Path below the root. */
  readonly path: string
  /** A function expression that runs the module and gives what it exports. */
  readonly code: string
  readonly imports: readonly string[]
  /** What it names in `import()`. */
  readonly dynamic: readonly string[]
}

/** Where the bundle lies below the root: beside the launcher, which finds it without leaving its own directory. */
const directory = 'bin/.cache'

/** The program at `entry`, a path below `root`, with all of its own modules; packages stay imports. */
export function bundle(root: string, entry: string): string {
  const modules = new Map<string, Module>()
  const waiting = [entry]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (modules.has(path)) continue
    const module = transform(root, path, path === entry)
    modules.set(path, module)
    waiting.push(...module.imports, ...module.dynamic)
  }

  const definitions = [...modules.values()].map(({ path, code, imports, dynamic }) => {
    const { mtimeMs, size } = statSync(join(root, path))
    return `${JSON.stringify(path)}: [${mtimeMs}, ${size}, ${code}, ${JSON.stringify(imports)}, ${JSON.stringify(dynamic)}],`
  })
  return `'use strict';
const { statSync } = process.getBuiltinModule('node:fs');
const root = __dirname.slice(0, -'${directory}'.length);
const modules = {
${definitions.join('\n')}
};
const loaded = Object.create(null);
const load = (path) => loaded[path] ?? (loaded[path] = modules[path][2](load));
const checked = new Set();
const isAsItWas = (path, deep) => {
  if (checked.has(path)) return true;
  checked.add(path);
  const [mtimeMs, size, , imports, dynamic] = modules[path];
  const now = statSync(root + path, { throwIfNoEntry: false });
  if (now === undefined || now.mtimeMs !== mtimeMs || now.size !== size) return false;
  return imports.every((next) => isAsItWas(next, deep)) && (!deep || dynamic.every((next) => isAsItWas(next, deep)));
};
const fromSources = () => {
  import(root + ${JSON.stringify(entry)});
  return new Promise(() => {});
};
// What a command may need later is checked before it begins: starting over repeats nothing then.
const loadLater = async (path) => (path in loaded || isAsItWas(path, true) ? load(path) : await fromSources());
if (isAsItWas(${JSON.stringify(entry)}, false)) load(${JSON.stringify(entry)})();
else fromSources();
`
}

const IMPORT = /^import\s+\{([^}]*)\}\s+from\s+'([^']+)';?[ \t]*$/gm
const DYNAMIC = /\bimport\('((?:#|\.)[^']+)'\)/g
const EXPORT = /^export (async function\*?|function\*?|class|const) (\w+)/gm

function transform(root: string, path: string, isMain: boolean): Module {
  const imports: string[] = []
  const dynamic: string[] = []
  const exported: string[] = []
  const find = (specifier: string): string =>
    specifier.startsWith('#') ? `src/${specifier.slice(1)}` : relative(root, resolve(root, dirname(path), specifier))

  const code = stripTypeScriptTypes(readFileSync(join(root, path), 'utf8'))
    .replaceAll(IMPORT, (_, names: string, specifier: string) => {
      const from = names.replaceAll(/(\w+)\s+as\s+(\w+)/g, '$1: $2')
      if (specifier.startsWith('node:')) return `const {${from}} = process.getBuiltinModule('${specifier}');`
      imports.push(find(specifier))
      return `const {${from}} = load(${JSON.stringify(find(specifier))});`
    })
    .replaceAll(DYNAMIC, (_, specifier: string) => {
      dynamic.push(find(specifier))
      return `loadLater(${JSON.stringify(find(specifier))})`
    })
    .replaceAll(EXPORT, (_, kind: string, name: string) => {
      exported.push(name)
      return `${kind} ${name}`
    })

  const left = /^(?:import|export)\b.*$/m.exec(code)?.[0]
  if (left !== undefined) throw new Error(`Cannot bundle "${path}": no rule for "${left}"`)
  // The main module may wait in the middle, which only functions can.
  const run = isMain
    ? `(load) => async () => {\n${code}\n}`
    : `(load) => {\n${code}\nreturn { ${exported.join(', ')} };\n}`
  return { path, code: run, imports, dynamic }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  mkdirSync(join(root, directory), { recursive: true })
  const file = join(root, directory, 'lxc.cjs')
  // Letters beyond ASCII would make the whole text twice as large in memory.
  const ascii = bundle(root, 'bin/lxc.ts').replaceAll(
    /[^\0-\x7f]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  if (!existsSync(file) || readFileSync(file, 'utf8') !== ascii) {
    writeFileSync(`${file}.new`, ascii)
    renameSync(`${file}.new`, file)
  }
}
