import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What `tools/sandbox` starts inside before the tests run. */
export type SandboxOption = '--daemon' | '--peer' | '--lxcfs'

/**
 * Runs the calling test file inside `tools/sandbox`: the first statement of every test that touches the kernel.
 *
 * Outside a sandbox this process starts itself again in one, lets that process report to the test runner in its
 * stead, and ends with its exit code. Inside it does nothing. Whatever ends this process ends the sandbox.
 *
 * @example
 * enterSandbox(import.meta)
 * test('a link of its own', () => …)
 */
export function enterSandbox(file: ImportMeta, ...options: SandboxOption[]): void {
  if (process.env['LXD_TEST_IN_SANDBOX'] === file.filename) return

  const sandbox = fileURLToPath(new URL('../tools/sandbox', import.meta.url))
  const node = [process.execPath, ...process.execArgv, file.filename]
  const { status, error } = spawnSync(
    'setpriv',
    // A process that waits here runs no signal handlers: the kernel tells the sandbox of its death.
    ['--pdeathsig', 'TERM', sandbox, ...options, '--', ...node],
    { stdio: 'inherit', env: { ...process.env, LXD_TEST_IN_SANDBOX: file.filename } },
  )
  if (error !== undefined) throw error
  process.exit(status ?? 1)
}
