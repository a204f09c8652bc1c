// Measures how fast one daemon serves a trusted client over TLS, in the sandbox it was started in: `measure-remote.ts
// OUTPUT BACKEND LXD-PROGRAM`. Writes numbers per second, and milliseconds of the daemon's CPU for each, as JSON.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { Agent, get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { connect, createSecureContext } from 'node:tls'
import { makeCertificate } from '#base/certificate.ts'
import { imageFile } from '../tests/image.ts'

const [output = '', backend = '', lxd = ''] = process.argv.slice(2)
const rounds = Number(process.env['LXD_BENCH_REPEATS'] ?? '10')
const many = Number(process.env['LXD_BENCH_MANY'] ?? '30')
const pid = Number(process.env['LXD_SANDBOX_DAEMON'])
const port = 8443
/** How many clients there are at a time. */
const parallel = 8

const samples: Record<string, number[]> = {}

const { certificate, key } = makeCertificate({
  organization: 'bench',
  commonName: 'bench',
  hosts: [],
  usage: 'client',
  validFrom: new Date(Date.now() - 60_000),
  years: 1,
})
const secureContext = createSecureContext({ cert: certificate, key })

/** Asks the daemon over its Unix socket. */
async function change(method: string, path: string, body: object): Promise<void> {
  const sent = request({ socketPath: '/var/lib/lxd/unix.socket', method, path, agent: false })
  sent.end(JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${path}: ${answer}`)
}

/** CPU time the daemon has used, in milliseconds (proc(5), `stat`). */
function cpuTime(): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return (user + system) * 10
}

/** A whole handshake with a certificate on both sides, and one request: only then has the server checked ours. */
async function handshake(): Promise<void> {
  // The key exchange that both servers know, and stock clients offer.
  const socket = connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false, ecdhCurve: 'X25519' })
  socket.write('HEAD / HTTP/1.1\r\nHost: lxd\r\nConnection: close\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
}

const agent = new Agent({ keepAlive: true, maxSockets: parallel, rejectUnauthorized: false, cert: certificate, key })

async function ask(path: string): Promise<void> {
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent }), 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`)
  await once(response.resume(), 'end')
}

async function measure(name: string, count: number, work: () => Promise<void>): Promise<void> {
  const run = async (left: number) => {
    const worker = async () => {
      while (left-- > 0) await work()
    }
    await Promise.all(Array.from({ length: parallel }, worker))
  }
  await run(count / 2)
  for (let round = 0; round < rounds; round++) {
    const [cpu, began] = [cpuTime(), performance.now()]
    await run(count)
    ;(samples[`${name} per second`] ??= []).push((count * 1000) / (performance.now() - began))
    ;(samples[`CPU of the daemon for ${name}, each`] ??= []).push((cpuTime() - cpu) / count)
  }
}

execFileSync(lxd, ['init', '--auto', '--storage-backend', backend], { stdio: ['ignore', 'inherit', 'inherit'] })
await change('PATCH', '/1.0', { config: { 'core.https_address': `127.0.0.1:${port}` } })
const raw = new X509Certificate(certificate).raw.toString('base64')
await change('POST', '/1.0/certificates', { type: 'client', name: 'bench', certificate: raw })
execFileSync('/usr/bin/lxc', ['image', 'import', imageFile('busybox'), '--alias', 'busybox'], { stdio: 'ignore' })
for (let index = 0; index < many; index++)
  execFileSync('/usr/bin/lxc', ['init', 'busybox', `m${index}`], { stdio: 'ignore' })

await measure('TLS handshakes', 300, handshake)
await measure('GET /1.0', 1500, () => ask('/1.0'))
await measure(`GET /1.0/instances?recursion=1 of ${many}`, 500, () => ask('/1.0/instances?recursion=1'))
agent.destroy()
writeFileSync(output, JSON.stringify(samples))
