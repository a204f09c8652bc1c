// Measures how fast a trusted client is served over TLS: this repository's daemon beside Debian's LXD, in one run and
// one after the other, each in a sandbox of its own. Prints medians and their ratio. Must run as root.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

type Samples = Readonly<Record<string, readonly number[]>>

function measure(option: '--daemon' | '--peer', backend: string, lxd: string): Samples {
  console.error(`measuring ${lxd} over TLS …`)
  const inside = '"$0" "$1" /tmp/out "$2" "$3" >&2 && cat /tmp/out'
  const script = join(root, 'bench/measure-remote.ts')
  const args = [option, '--', 'sh', '-c', inside, process.execPath, script, backend, lxd]
  const text = execFileSync(join(root, 'tools/sandbox'), args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 24,
  })
  return JSON.parse(text) as Samples
}

function median(values: readonly number[] = []): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2
}

const theirs = measure('--peer', 'dir', '/usr/bin/lxd')
const ours = measure('--daemon', 'dir', join(root, 'bin/lxd'))

const columns = (cells: readonly string[]) =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(66) : cell.padStart(11))).join('')
console.log(columns(['median', 'LXD', 'ours', 'ours/LXD', 'target']))
for (const name of Object.keys(theirs)) {
  const isRate = name.endsWith('per second')
  const [a, b] = [median(theirs[name]), median(ours[name])]
  const show = (value: number) => (isRate ? value.toFixed(0) : `${value.toFixed(3)} ms`)
  const isMissed = isRate ? b / a < 1 : false
  console.log(columns([name, show(a), show(b), `${(b / a).toFixed(2)}${isMissed ? ' !' : '  '}`, isRate ? '≥ 1' : '']))
}
