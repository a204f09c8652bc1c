// Measures one daemon, in the sandbox it was started in, through Debian's `lxc`. Prints seconds, or bytes, by name as
// JSON: `measure.ts OUTPUT BACKEND LXD-PROGRAM`.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { imageFile } from '../tests/image.ts'

const [output = '', backend = '', lxd = ''] = process.argv.slice(2)
const repeats = Number(process.env['LXD_BENCH_REPEATS'] ?? '10')
const many = Number(process.env['LXD_BENCH_MANY'] ?? '30')
const ourClient = fileURLToPath(new URL('../bin/lxc', import.meta.url))
const socketPath = '/var/lib/lxd/unix.socket'

/** Every sample of each measurement. */
const samples: Record<string, number[]> = {}

function lxc(...args: readonly string[]): string {
  return execFileSync('/usr/bin/lxc', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

async function timed(name: string | undefined, work: () => unknown): Promise<void> {
  const began = performance.now()
  await work()
  if (name !== undefined) (samples[name] ??= []).push((performance.now() - began) / 1000)
}

function get(path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const sent = request({ socketPath, path }, (reply) => {
    let body = ''
    reply.on('data', (chunk: Buffer) => (body += chunk.toString()))
    reply.on('end', () => resolve(body))
  })
  sent.on('error', reject)
  sent.end()
  return promise
}

/** Bytes of resident memory of the processes whose command line matches. */
function residentOf(pattern: RegExp): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        return pattern.test(command) && resident ? [Number(resident) * 1024] : []
      } catch {
        return []
      }
    })
}

async function oneImage(image: 'busybox' | 'debian'): Promise<void> {
  lxc('image', 'import', imageFile(image), '--alias', image)
  // The first launch unpacks into the pool's cache, where there is one; it is told apart.
  for (let round = 0; round <= repeats; round++) {
    await timed(round === 0 ? `first launch ${image}` : `launch ${image}`, () => lxc('launch', image, 'c1'))
    if (image === 'busybox') {
      await timed('exec true', () => lxc('exec', 'c1', '--', 'true'))
      await timed('restart -f', () => lxc('restart', '-f', 'c1'))
      await timed('delete -f of a running container', () => lxc('delete', '-f', 'c1'))
    } else lxc('delete', '-f', 'c1')
  }
}

async function manyInstances(): Promise<void> {
  const names = Array.from({ length: many }, (_, index) => `m${index}`)
  const waiting = [...names]
  const launch = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const child = spawn('/usr/bin/lxc', ['launch', 'busybox', name], { stdio: 'ignore' })
      const [code] = (await once(child, 'exit')) as [number]
      if (code !== 0) throw new Error(`launch of ${name} failed`)
    }
  }
  await timed(`launch of ${many}, 8 at a time`, () => Promise.all(Array.from({ length: 8 }, launch)))

  for (const recursion of [1, 2]) {
    const path = `/1.0/instances?recursion=${recursion}`
    await get(path)
    for (let round = 0; round < 3 * repeats; round++) await timed(`GET ${path}, ${many} running`, () => get(path))
  }
  for (let round = 0; round < 2 * repeats; round++) {
    await timed('lxc list, stock client', () => lxc('list'))
    await timed('lxc list, our client', () => execFileSync(ourClient, ['list'], { stdio: ['ignore', 'pipe', 'pipe'] }))
  }
  samples['memory of a monitor'] = residentOf(/^\[lxc monitor\]/)
  samples[`memory of the daemon, ${many} running`] = residentOf(
    /^(\S*\/)?lxd .*--group|bin\/lxd\.ts|^\S*\/lxd --/,
  ).slice(0, 1)
  for (const name of names) lxc('delete', '-f', name)
}

execFileSync(lxd, ['init', '--auto', '--storage-backend', backend], { stdio: ['ignore', 'inherit', 'inherit'] })
await oneImage('busybox')
if (process.env['LXD_BENCH_DEBIAN'] !== 'no') await oneImage('debian')
await manyInstances()
writeFileSync(output, JSON.stringify(samples))
