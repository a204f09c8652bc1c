import { writeFile } from 'node:fs/promises'
import type { DeviceNodes, DeviceNumber, NodeAccess } from './device-nodes.ts'

/** Device nodes that exist only here, for tests. Where one is made there is an empty file. */
export class FakeDeviceNodes implements DeviceNodes {
  /** What /dev of the host has. */
  readonly host = new Map<string, DeviceNumber | 'none'>([['/dev/null', { kind: 'char', major: 1, minor: 3 }]])
  /** All that were made, by path. */
  readonly made = new Map<string, DeviceNumber & NodeAccess>()

  async read(path: string): Promise<DeviceNumber | 'none' | undefined> {
    return this.host.get(path)
  }

  async make(path: string, device: DeviceNumber, access: NodeAccess): Promise<void> {
    await writeFile(path, '', { flag: 'wx' })
    this.made.set(path, { ...device, ...access })
  }
}
