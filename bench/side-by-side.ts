// Measures this repository's daemon, with a dir and an overlay pool, beside Debian's LXD with a dir pool, in one run
// and one after the other, each in a sandbox of its own. Prints medians and their ratio. Must run as root.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

type Samples = Readonly<Record<string, readonly number[]>>

/** The highest ratio to Debian's LXD that each measurement should have: with overlay, with dir. */
const targets: Readonly<Record<string, readonly [overlay: number, dir: number]>> = {
  'launch busybox': [0.35, 0.7],
  'launch debian': [0.1, 0.7],
  'exec true': [0.9, 0.9],
  'restart -f': [0.4, 0.4],
  'delete -f of a running container': [0.4, 0.4],
  'launch of 30, 8 at a time': [0.4, 0.4],
  'GET /1.0/instances?recursion=1, 30 running': [0.5, 0.5],
  'GET /1.0/instances?recursion=2, 30 running': [0.15, 0.15],
  'memory of a monitor': [0.3, 0.3],
  'memory of the daemon, 30 running': [1.5, 1.5],
}

function measure(name: string, option: '--daemon' | '--peer', backend: string, lxd: string): Samples {
  console.error(`measuring ${name} …`)
  // The sandbox has a /tmp of its own: the result goes through its standard output.
  const text = execFileSync(
    join(root, 'tools/sandbox'),
    [
      option,
      '--lxcfs',
      '--',
      'sh',
      '-c',
      '"$0" "$1" /tmp/out "$2" "$3" >&2 && cat /tmp/out',
      process.execPath,
      join(root, 'bench/measure.ts'),
      backend,
      lxd,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 24 },
  )
  return JSON.parse(text) as Samples
}

function median(values: readonly number[] = []): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2
}

function show(name: string, value: number): string {
  return name.startsWith('memory') ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value * 1000).toFixed(1)} ms`
}

const peer = measure('peer', '--peer', 'dir', '/usr/bin/lxd')
const dir = measure('dir', '--daemon', 'dir', join(root, 'bin/lxd'))
const overlay = measure('overlay', '--daemon', 'overlay', join(root, 'bin/lxd'))

const columns = (cells: readonly string[]) =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(46) : cell.padStart(13))).join('')
console.log(columns(['median', 'LXD', 'overlay', 'dir', 'overlay/LXD', 'dir/LXD', 'target']))
for (const name of Object.keys(peer)) {
  const [theirs, over, plain] = [peer, overlay, dir].map((samples) => median(samples[name])) as [number, number, number]
  const target = targets[name]
  const ratio = (value: number, most: number | undefined) =>
    `${(value / theirs).toFixed(2)}${most !== undefined && value / theirs > most ? ' !' : '  '}`
  console.log(
    columns([
      name,
      show(name, theirs),
      show(name, over),
      show(name, plain),
      ratio(over, target?.[0]),
      ratio(plain, target?.[1]),
      target ? target.join(' / ') : '',
    ]),
  )
}
for (const [name, samples] of Object.entries({ LXD: peer, overlay, dir })) {
  const client = median(samples['lxc list, our client']) / median(samples['lxc list, stock client'])
  console.log(`lxc list, our client to the stock client, on ${name}: ${client.toFixed(2)} (target 2.5)`)
}

console.log()
await import('./remote.ts')
