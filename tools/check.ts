// The gate: everything that can be told without root. `--all` adds the tests that need it; `./test` says so.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tools = `${root}node_modules/.bin/`

interface Step {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const statics: readonly Step[] = [
  { name: 'types', command: [`${tools}tsc`, '--noEmit'] },
  { name: 'lint', command: [`${tools}oxlint`, '--type-aware', '--max-warnings', '0'] },
  { name: 'format', command: [`${tools}prettier`, '--check', '--log-level', 'warn', '.'] },
  { name: 'generated files', command: [process.execPath, 'tools/generate.ts', '--check'] },
]

const unit = ['src/**/*.test.ts', 'tools/**/*.test.ts', 'tests/*.test.ts', 'tests/api/**/*.test.ts']
const system = ['system', 'compat', 'attack', 'fault'].map((folder) => `tests/${folder}/**/*.test.ts`)

/** Runs a program of the repository; resolves to its exit code and what it printed where that is not passed on. */
function start(command: Step['command'], output: 'pipe' | 'inherit'): Promise<{ code: number; printed: string }> {
  const [program, ...args] = command
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', output, output] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  }
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; printed: string }>()
  child.on('error', reject)
  child.on('close', (code) => resolve({ code: code ?? 1, printed }))
  return promise
}

async function check({ name, command }: Step): Promise<boolean> {
  const began = performance.now()
  const { code, printed } = await start(command, 'pipe')
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)`)
  if (code !== 0) console.log(printed)
  return code === 0
}

/** All test files in one run of the test runner, so that its summary counts them all. */
async function runTests(globs: readonly string[]): Promise<boolean> {
  const options = ['--test', '--test-timeout=600000', '--test-concurrency=3']
  const { code } = await start([process.execPath, ...options, ...globs], 'inherit')
  return code === 0
}

const all = process.argv.includes('--all')
const began = performance.now()
const steps = statics.filter(
  ({ command }) => !command.includes('tools/generate.ts') || existsSync(`${root}docs/reference`),
)
const passed = await Promise.all(steps.map(check))
const testsPassed = await runTests(all ? [...unit, ...system] : unit)

const failed = [
  ...steps.filter((_, index) => !passed[index]).map(({ name }) => name),
  ...(testsPassed ? [] : ['tests']),
]
console.log(`${((performance.now() - began) / 1000).toFixed(0)} s in all`)
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
