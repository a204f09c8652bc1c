import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The path of a unified image tarball as `tools/make-image` makes it: once per machine, by `./test` beforehand. */
export function imageFile(name: 'busybox' | 'debian'): string {
  const maker = fileURLToPath(new URL('../tools/make-image', import.meta.url))
  return execFileSync(maker, [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
}
