/** What a network interface's driver tells through ioctl(SIOCETHTOOL): linux/ethtool.h. */
import { nativeFunction, nativeKoffi } from './native.ts'
import type { NativeFunction } from './native.ts'

/** How an interface is linked. */
export interface LinkSettings {
  readonly autoNegotiation: boolean
  /** The number of the port's type, `PORT_*`. */
  readonly port: number
  /** The number of the transceiver's type, `XCVR_*`. */
  readonly transceiver: number
  /** The numbers of the modes it can have, `ETHTOOL_LINK_MODE_*_BIT`. */
  readonly supported: readonly number[]
}

/** What {@link Ethtool} tells where an interface has no such thing is undefined. */
export interface Ethtool {
  linkSettings(name: string): Promise<LinkSettings | undefined>
  /** The version of the firmware of the card. */
  firmware(name: string): Promise<string | undefined>
}

const siocEthtool = 0x8946
const commands = { driverInfo: 0x03, linkSettings: 0x4c } as const
const driverInfoSize = 196
const settingsSize = 48
const maxMaskWords = 127

let ioctl: NativeFunction | undefined

function loadIoctl(): NativeFunction {
  if (!ioctl) {
    const koffi = nativeKoffi()
    koffi.struct('EthtoolRequest', { name: koffi.array('char', 16, 'String'), data: 'void *' })
    ioctl = nativeFunction('libc.so.6', 'int ioctl(int fd, unsigned long request, EthtoolRequest *argument)')()
  }
  return ioctl
}

const openSocket = nativeFunction('libc.so.6', 'int socket(int domain, int type, int protocol)')
const closeSocket = nativeFunction('libc.so.6', 'int close(int fd)')
const inet = 2
const datagram = 2 | 0o2_000_000 // SOCK_DGRAM, closed on exec

/** The real one. Asks on a thread of its own: some drivers take their time. */
export const realEthtool: Ethtool = {
  async linkSettings(name) {
    const data = Buffer.alloc(settingsSize + 3 * 4 * maxMaskWords)
    // The first call asks how many words a mask has; the kernel answers with the number negated.
    data.writeUInt32LE(commands.linkSettings, 0)
    if (!(await ask(name, data))) return undefined
    const words = -data.readInt8(15)
    if (words <= 0) return undefined
    data.fill(0).writeUInt32LE(commands.linkSettings, 0)
    data.writeInt8(words, 15)
    if (!(await ask(name, data))) return undefined
    return {
      port: data.readUInt8(9),
      autoNegotiation: data.readUInt8(11) === 1,
      transceiver: data.readUInt8(16),
      supported: bits(data.subarray(settingsSize, settingsSize + 4 * words)),
    }
  },

  async firmware(name) {
    const data = Buffer.alloc(driverInfoSize)
    data.writeUInt32LE(commands.driverInfo, 0)
    if (!(await ask(name, data))) return undefined
    const version = data.toString('latin1', 68, 100).split('\0')[0]
    return version === '' || version === 'N/A' ? undefined : version
  },
}

async function ask(name: string, data: Buffer): Promise<boolean> {
  if (Buffer.byteLength(name) > 15) return false
  const socket = Number(openSocket()(inet, datagram, 0))
  if (socket < 0) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  loadIoctl().async(socket, siocEthtool, { name, data }, (error: unknown, result: unknown) =>
    resolve(!error && result === 0),
  )
  try {
    return await promise
  } finally {
    closeSocket()(socket)
  }
}

function bits(mask: Buffer): number[] {
  const found: number[] = []
  for (let bit = 0; bit < mask.length * 8; bit++) {
    if ((mask[bit >> 3] ?? 0) & (1 << (bit & 7))) found.push(bit)
  }
  return found
}
