import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Incoming } from './incoming.ts'
import { boundaryOf, readMultipart, writeMultipart } from './multipart.ts'

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks))
}

const files = [
  { name: 'metadata', filename: 'meta.tar.gz', data: Buffer.from('\r\n--bound\r\n--boundar\r\n') },
  { name: 'rootfs', filename: 'odd "name".squashfs', data: Buffer.alloc(100_000, 'x') },
  { name: 'empty', filename: 'e', data: Buffer.alloc(0) },
]

for (const size of [1, 2, 7, 64, 65_536]) {
  test(`files arrive as they were sent, in pieces of ${size} bytes`, async () => {
    const sent = files.map(({ name, filename, data }) => ({ name, filename, chunks: inPieces(data, 1000) }))
    const body = await collect(writeMultipart(sent, 'boundary'))

    const received = []
    for await (const part of readMultipart(new Incoming(inPieces(body, size)), 'boundary')) {
      received.push({ name: part.name, data: await collect(part.chunks) })
    }

    assert.deepEqual(
      received,
      files.map(({ name, data }) => ({ name, data })),
    )
  })
}

test('a body that ends too early is an error', async () => {
  const body = Buffer.from('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nhalf')

  await assert.rejects(
    async () => {
      for await (const { chunks } of readMultipart(new Incoming(inPieces(body, 10)), 'b')) await collect(chunks)
    },
    { kind: 'unavailable' },
  )
})

test('the boundary is found in the type of the body', () => {
  assert.equal(boundaryOf('multipart/form-data; boundary=abc'), 'abc')
  assert.equal(boundaryOf('multipart/mixed; charset=x; boundary="a b"'), 'a b')
  assert.equal(boundaryOf('multipart/mixed; boundary="a-b"'), 'a-b')
  assert.equal(boundaryOf('application/octet-stream'), undefined)
  assert.equal(boundaryOf(undefined), undefined)
})
