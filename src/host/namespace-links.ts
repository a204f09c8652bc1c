import { numberToAddress } from '#base/address.ts'
import { SyscallError } from './native.ts'
import type { LinkAddress } from './links.ts'
import {
  errorOf,
  formatMessage,
  messageFlags,
  messageTypes,
  numberAttribute,
  parseAttributes,
  parseMessages,
  readText,
} from './netlink.ts'
import type { Message } from './netlink.ts'
import type { Descriptor } from './syscalls.ts'
import {
  openRouteSocket,
  receiveAnswer,
  receiveAnswerLater,
  sendRequest,
  sendRequestLater,
} from './syscalls-netlink.ts'

/** A network interface inside another network namespace. Its name is whatever was chosen there, made printable. */
export interface NamespaceLink {
  readonly name: string
  readonly flags: readonly LinkFlag[]
  /** Empty where it has no hardware address. */
  readonly hwaddr: string
  readonly mtu: number
  readonly addresses: readonly LinkAddress[]
  readonly counters: NamespaceLinkCounters
}

/** What went through a link since it was made, seen from inside. */
export interface NamespaceLinkCounters {
  readonly packetsReceived: number
  readonly packetsSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly errorsReceived: number
  readonly errorsSent: number
  readonly droppedReceived: number
  readonly droppedSent: number
}

/** Flags of a link (netdevice(7)), of which these matter here. */
export type LinkFlag = 'UP' | 'BROADCAST' | 'LOOPBACK' | 'POINTOPOINT'

/** Reads the network interfaces of other namespaces, without a program and without entering them. */
export interface NamespaceLinks {
  /** The interfaces of the namespace a process is in, or undefined where the process is gone. */
  read(pid: number): Promise<readonly NamespaceLink[] | undefined>
  close(): void
}

// linux/if_link.h, linux/if_addr.h and linux/net_namespace.h
const linkFlags: readonly (readonly [LinkFlag, number])[] = [
  ['UP', 0x1],
  ['BROADCAST', 0x2],
  ['LOOPBACK', 0x8],
  ['POINTOPOINT', 0x10],
]
const linkAttributes = { address: 1, name: 3, mtu: 4, statistics: 23, namespace: 46 } as const
const addressAttributes = { address: 1, local: 2, namespace: 10 } as const
const namespaceAttributes = { id: 1, pid: 2 } as const
const linkHeader = 16
const addressHeader = 8
const namespaceHeader = 4
const scopeLink = 253
const scopeHost = 254
const inet = 2
const inet6 = 10

/** A container may make any number of interfaces and addresses: what is beyond these is not shown. */
const maxLinks = 512
const maxAddresses = 4096

/** What lists of links are made of, as the messages tell it; addresses come in a list of their own. */
export interface FoundLink extends Omit<NamespaceLink, 'addresses'> {
  readonly index: number
}

/** Reads a message about a link, or undefined where it is cut off. */
export function parseLink({ type, body }: Message): FoundLink | undefined {
  if (type !== messageTypes.newLink || body.length < linkHeader) return undefined
  const attributes = parseAttributes(body, linkHeader)
  const flags = body.readUInt32LE(8)
  const hwaddr = attributes.get(linkAttributes.address)
  const mtu = attributes.get(linkAttributes.mtu)
  return {
    index: body.readInt32LE(4),
    name: readText(attributes.get(linkAttributes.name)),
    flags: linkFlags.filter(([, bit]) => flags & bit).map(([name]) => name),
    hwaddr: hwaddr ? (hwaddr.toString('hex').match(/../g) ?? []).join(':') : '',
    mtu: mtu && mtu.length >= 4 ? mtu.readUInt32LE(0) : 0,
    counters: parseCounters(attributes.get(linkAttributes.statistics)),
  }
}

function parseCounters(statistics: Buffer = Buffer.alloc(0)): NamespaceLinkCounters {
  // struct rtnl_link_stats64
  const at = (index: number) =>
    statistics.length >= 8 * (index + 1) ? Number(statistics.readBigUInt64LE(8 * index)) : 0
  return {
    packetsReceived: at(0),
    packetsSent: at(1),
    bytesReceived: at(2),
    bytesSent: at(3),
    errorsReceived: at(4),
    errorsSent: at(5),
    droppedReceived: at(6),
    droppedSent: at(7),
  }
}

/** An address, and the link it is on. */
export interface FoundAddress {
  readonly index: number
  readonly address: LinkAddress
}

/** Reads a message about an address, or undefined where it is cut off or of another family. */
export function parseLinkAddress({ type, body }: Message): FoundAddress | undefined {
  if (type !== messageTypes.newAddress || body.length < addressHeader) return undefined
  const family = body.readUInt8(0)
  const attributes = parseAttributes(body, addressHeader)
  // For a link to one other host "address" is that host's.
  const bytes = attributes.get(addressAttributes.local) ?? attributes.get(addressAttributes.address)
  if (bytes?.length !== (family === inet ? 4 : family === inet6 ? 16 : undefined) || !bytes) return undefined
  const scope = body.readUInt8(3)
  return {
    index: body.readInt32LE(4),
    address: {
      family: family === inet ? 4 : 6,
      address: numberToAddress(BigInt(`0x${bytes.toString('hex')}`), family === inet ? 4 : 6),
      prefix: body.readUInt8(1),
      scope: scope === scopeHost ? 'host' : scope === scopeLink ? 'link' : 'global',
    },
  }
}

/** A socket with its buffer; used for one question at a time. */
class Lane {
  #socket: Descriptor | undefined
  readonly #buffer = Buffer.alloc(1 << 16)
  #sequence = 0
  #answered = true

  /** Asks for one thing, which the kernel tells at once. Throws a SyscallError. */
  ask(type: number, flags: number, body: Uint8Array): Message {
    const socket = this.#begin()
    sendRequest(socket, formatMessage(type, flags, this.#sequence, body))
    const [message] = this.#parse(receiveAnswer(socket, this.#buffer))
    if (!message) throw new Error('Cannot read what the kernel answers through netlink')
    this.#answered = true
    if (message.type === messageTypes.error) checkError(message)
    return message
  }

  /** Asks for a list and reads each of its messages with `parse`, until there are `most` results. */
  async list<T>(type: number, body: Uint8Array, most: number, parse: (message: Message) => T | undefined) {
    const found: T[] = []
    const socket = this.#begin()
    await sendRequestLater(socket, formatMessage(type, messageFlags.dump, this.#sequence, body))
    while (found.length < most) {
      const messages = this.#parse(await receiveAnswerLater(socket, this.#buffer))
      if (messages.length === 0) throw new Error('Cannot read what the kernel lists through netlink')
      found.push(...messages.map((message) => parse(message)).filter((one) => one !== undefined))
      const last = messages.find(({ type: kind }) => kind === messageTypes.done || kind === messageTypes.error)
      if (last) {
        this.#answered = true
        if (last.type === messageTypes.error) checkError(last)
        break
      }
    }
    return found.slice(0, most)
  }

  /** A socket on which nothing is under way any more: a new one where the last question was given up. */
  #begin(): Descriptor {
    if (!this.#answered) this.close()
    this.#socket ??= openRouteSocket()
    this.#answered = false
    this.#sequence++
    return this.#socket
  }

  #parse(length: number): Message[] {
    return parseMessages(this.#buffer.subarray(0, length)).filter(({ sequence }) => sequence === this.#sequence)
  }

  close(): void {
    this.#socket?.[Symbol.dispose]()
    this.#socket = undefined
  }
}

function checkError(message: Message): void {
  const errno = errorOf(message)
  if (errno !== 0) throw new SyscallError('netlink', errno)
}

/** The id of a process's network namespace in ours; the kernel forgets it together with the namespace. */
function namespaceId(lane: Lane, pid: number): number {
  const header = Buffer.alloc(namespaceHeader)
  const process = numberAttribute(namespaceAttributes.pid, pid)
  const find = () => {
    const { body } = lane.ask(messageTypes.getNamespaceId, 0, Buffer.concat([header, process]))
    return parseAttributes(body, namespaceHeader).get(namespaceAttributes.id)?.readInt32LE(0) ?? -1
  }
  const known = find()
  if (known >= 0) return known
  const any = numberAttribute(namespaceAttributes.id, -1)
  try {
    lane.ask(messageTypes.newNamespaceId, messageFlags.acknowledge, Buffer.concat([header, any, process]))
  } catch (error) {
    // Given by somebody else meanwhile.
    if (!(error instanceof SyscallError) || error.code !== 'EEXIST') throw error
  }
  return find()
}

/** As many as may wait for the kernel at a time: the threads they wait on are those that files are read on. */
const lanes = 2

/**
 * Those of this host. The kernel gives a namespace an id in ours, for as long as it lives, and lists the links of an id
 * (RTM_NEWNSID, IFLA_TARGET_NETNSID and IFA_TARGET_NETNSID of rtnetlink(7), Linux 4.20).
 */
export class HostNamespaceLinks implements NamespaceLinks {
  readonly #idle = Array.from({ length: lanes }, () => new Lane())
  readonly #waiting: ((lane: Lane) => void)[] = []
  #closed = false

  async read(pid: number): Promise<readonly NamespaceLink[] | undefined> {
    const lane = this.#idle.pop() ?? (await this.#wait())
    try {
      const id = namespaceId(lane, pid)
      const links = await lane.list(
        messageTypes.getLink,
        Buffer.concat([Buffer.alloc(linkHeader), numberAttribute(linkAttributes.namespace, id)]),
        maxLinks,
        parseLink,
      )
      const addresses = await lane.list(
        messageTypes.getAddress,
        Buffer.concat([Buffer.alloc(addressHeader), numberAttribute(addressAttributes.namespace, id)]),
        maxAddresses,
        parseLinkAddress,
      )
      const of = Map.groupBy(addresses, ({ index }) => index)
      return links.map(({ index, ...link }) => ({
        ...link,
        addresses: (of.get(index) ?? []).map(({ address }) => address),
      }))
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'ESRCH') return undefined
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next) next(lane)
      else this.#idle.push(lane)
      if (this.#closed) lane.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const lane of this.#idle) lane.close()
  }

  async #wait(): Promise<Lane> {
    const { promise, resolve } = Promise.withResolvers<Lane>()
    this.#waiting.push(resolve)
    return await promise
  }
}
