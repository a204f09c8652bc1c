import { createHash } from 'node:crypto'
import { directory, file, tar } from '../tar.ts'
import { TestDaemon } from './daemon.ts'

/** An image as clients send it. */
export const image = tar([
  file('metadata.yaml', JSON.stringify({ architecture: 'x86_64', creation_date: 1, properties: { os: 'Test' } })),
  directory('rootfs'),
  file('rootfs/hello', 'hi'),
])
export const fingerprint = createHash('sha256').update(image).digest('hex')

export const root = { type: 'disk', path: '/', pool: 'local' }

/** A daemon with a pool "local" and networks "br0" and "br1". */
export async function startDaemonWithThings(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'local', driver: 'fake' } })
  for (const [index, name] of ['br0', 'br1'].entries()) {
    const config = { 'ipv4.address': `10.1.${index}.1/24`, 'ipv6.address': 'none' }
    await daemon.ok('POST', '/1.0/networks', { body: { name, type: 'bridge', config } })
  }
  return daemon
}

/** Makes a project whose profile "default" has a root disk. */
export async function makeProject(daemon: TestDaemon, name: string, config: object = {}): Promise<void> {
  await daemon.ok('POST', '/1.0/projects', { body: { name, config: { 'features.images': 'false', ...config } } })
  await daemon.ok('PATCH', `/1.0/profiles/default?project=${name}`, { body: { devices: { root } } })
}
