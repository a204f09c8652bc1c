import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** A random UUID, version 4. */
export function newUuid(): string {
  return randomUUID()
}

/** A secret of 256 random bits, in hex. */
export function newSecret(): string {
  return randomBytes(32).toString('hex')
}

/** A name for a host interface that fits the kernel's 15 characters: `veth` and 8 random hex digits. */
export function newLinkName(prefix = 'veth'): string {
  return `${prefix}${randomBytes(4).toString('hex')}`
}

/** A random Ethernet address below LXD's prefix 00:16:3e. */
export function newMac(): string {
  const pair = () => randomInt(256).toString(16).padStart(2, '0')
  return `00:16:3e:${pair()}:${pair()}:${pair()}`
}
