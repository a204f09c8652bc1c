import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RealDaemon } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, file, tar } from '../tar.ts'

enterSandbox(import.meta)

const rounds = Number(process.env['LXD_IMPORT_ROUNDS'] ?? '30')
const daemon = new RealDaemon()
before(() => daemon.start())
after(() => daemon.end('SIGTERM'))

/** The metadata of a reply, or undefined where none came. */
async function call(method: string, path: string, body?: Buffer): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const ask = request({ method, path, socketPath: '/var/lib/lxd/unix.socket', agent: false })
  ask.on('error', () => resolve(undefined))
  ask.on('response', (response) => {
    response.toArray().then(
      (chunks) => resolve((JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as { metadata: unknown }).metadata),
      () => resolve(undefined),
    )
  })
  ask.end(body)
  return await promise
}

interface Image {
  readonly fingerprint: string
  readonly size: number
}

test(`a daemon killed ${rounds} times while it imports images has each of them whole or not at all`, async () => {
  const metadata = 'architecture: x86_64\ncreation_date: 1\n'
  let imported = 0

  for (let round = 0; round < rounds; round++) {
    const noise = randomBytes(2 << 20).toString('hex')
    const image = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/noise', noise)])
    const importing = call('POST', '/1.0/images', image)
    await sleep((round * 13) % 200)
    await daemon.end('SIGKILL')
    await importing
    await daemon.start()

    const images = (await call('GET', '/1.0/images?recursion=1')) as readonly Image[]
    const names = readdirSync('/var/lib/lxd/images')
    assert.deepEqual(names.toSorted(), images.map(({ fingerprint }) => fingerprint).toSorted())
    for (const { fingerprint, size } of images) {
      imported++
      assert.equal(size, image.length)
      const operation = (await call('DELETE', `/1.0/images/${fingerprint}`)) as { readonly id: string }
      await call('GET', `/1.0/operations/${operation.id}/wait?timeout=10`)
    }
  }
  console.log(`${imported} of ${rounds} imports were over when the daemon was killed`)
})
