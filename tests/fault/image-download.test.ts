import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate } from '#base/certificate.ts'
import { RealDaemon } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, file, tar } from '../tar.ts'

enterSandbox(import.meta)

const rounds = Number(process.env['LXD_DOWNLOAD_ROUNDS'] ?? '6')
const images = '/var/lib/lxd/images'
const daemon = new RealDaemon()
const own = makeCertificate({
  organization: 'test',
  commonName: 'images',
  hosts: ['127.0.0.1'],
  usage: 'server',
  validFrom: new Date(Date.now() - 60_000),
  years: 1,
})
let server: Server
let url: string
let image: Buffer = Buffer.alloc(0)
let fingerprint = ''

/** Sends the image bit by bit, so that there is time to die in. */
async function* slowly(): AsyncGenerator<Buffer> {
  const step = Math.ceil(image.length / 20)
  for (let at = 0; at < image.length; at += step) {
    yield image.subarray(at, at + step)
    await sleep(10)
  }
}

before(async () => {
  server = createServer({ cert: own.certificate, key: own.key }, (asked, response) => {
    void (async () => {
      if (!asked.url?.endsWith('/export')) {
        const metadata = { fingerprint, size: image.length, type: 'container' }
        response.end(JSON.stringify({ metadata }))
        return
      }
      for await (const piece of slowly()) if (!response.destroyed) response.write(piece)
      response.end()
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  await daemon.start()
})
after(async () => {
  server.closeAllConnections()
  server.close()
  await daemon.end('SIGTERM')
})

/** The metadata of a reply, or undefined where none came. */
async function call(method: string, path: string, body?: object): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const headers = { 'content-type': 'application/json' }
  const ask = request({ method, path, headers, socketPath: '/var/lib/lxd/unix.socket', agent: false })
  ask.on('error', () => resolve(undefined))
  ask.on('response', (response) => {
    response.toArray().then(
      (chunks) => resolve((JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as { metadata: unknown }).metadata),
      () => resolve(undefined),
    )
  })
  ask.end(body && JSON.stringify(body))
  return await promise
}

interface Shown {
  readonly fingerprint: string
  readonly size: number
  readonly aliases: readonly { readonly name: string }[]
}

test(`a daemon killed ${rounds} times while it downloads an image has it whole, with its alias, or not at all`, async () => {
  let came = 0
  let half = 0
  for (let round = 0; round < rounds; round++) {
    const noise = randomBytes(1 << 20).toString('hex')
    const metadata = 'architecture: x86_64\ncreation_date: 1\n'
    image = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/noise', noise)])
    fingerprint = createHash('sha256').update(image).digest('hex')
    const source = { type: 'image', mode: 'pull', server: url, certificate: own.certificate, fingerprint }
    await call('POST', '/1.0/images', { source, aliases: [{ name: `r${round}`, description: '' }] })
    await sleep((round * 85) % 470)
    if (readdirSync(images).some((name) => name.startsWith('upload-'))) half++
    await daemon.end('SIGKILL')
    await daemon.start()

    const found = (await call('GET', '/1.0/images?recursion=1')) as readonly Shown[]
    assert.deepEqual(
      readdirSync(images),
      found.map((one) => one.fingerprint),
    )
    for (const one of found) {
      came++
      assert.deepEqual([one.fingerprint, one.size], [fingerprint, image.length])
      assert.deepEqual(
        one.aliases.map(({ name }) => name),
        [`r${round}`],
      )
      const operation = (await call('DELETE', `/1.0/images/${one.fingerprint}`)) as { readonly id: string }
      await call('GET', `/1.0/operations/${operation.id}/wait?timeout=10`)
    }
    assert.deepEqual(await call('GET', '/1.0/images/aliases'), [])
  }
  console.log(`${came} of ${rounds} downloads were over when the daemon was killed, ${half} half done`)
  assert.ok(half > 0)
})

test('a daemon that is told to stop in the middle of a download stops, and leaves nothing', async () => {
  const source = { type: 'image', mode: 'pull', server: url, certificate: own.certificate, fingerprint }
  await call('POST', '/1.0/images', { source })
  await sleep(100)

  const started = Date.now()
  await daemon.end('SIGTERM')

  assert.ok(Date.now() - started < 9000)
  assert.deepEqual(readdirSync(images), [])
  await daemon.start()
})
